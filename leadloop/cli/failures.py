"""What a failure means to the person at the command line. Recognised by name, so that naming an
error here imports nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any


def explain(error: BaseException) -> str | None:
    """Return one line that says what is wrong and what to do, or None for a defect of leadloop."""
    if isinstance(error, BaseExceptionGroup):
        texts = [explain(inner) for inner in error.exceptions]
        return "; ".join(dict.fromkeys(filter(None, texts))) if all(texts) else None
    for kind in type(error).__mro__:
        explanation = _EXPLANATIONS.get(f"{kind.__module__}.{kind.__qualname__}")
        if explanation is not None:
            return explanation(error)
    return None


def _own_words(error: Any) -> str:
    return str(error)


def _publish_first(error: Any) -> str:
    return f"{error}; `leadloop up` publishes too"


def _compile(error: Any) -> str:
    return f"{error}\nleadloop check lists every problem"


def _sales(error: Any) -> str:
    return f"{error.field}: {error.message}" if error.field else str(error.message)


def _system(error: Any) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _database(error: Any) -> str:
    text = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
    if "no such table" in text or "does not exist" in text:
        return f"the database lacks the tables of this version ({text}): run `leadloop db upgrade`"
    if "malformed" in text or "not a database" in text:
        return f"the database is damaged ({text}): stop everything that uses it, and restore a backup"
    if "unable to open" in text or "readonly" in text:
        return f"the database cannot be written ({text}): this user needs write access to file and folder"
    return f"the database cannot be used: {text}"


def _address(error: Any) -> str:
    return f"LEADLOOP_DATABASE_URL is no database address: {error}; {_EXAMPLES}"


def _driver(error: Any) -> str | None:
    """An address of another kind of database; every other missing module is a defect."""
    if error.name not in _OTHER_DRIVERS:
        return None
    return f"LEADLOOP_DATABASE_URL names a kind of database that leadloop does not use; {_EXAMPLES}"


def _settings(error: Any) -> str:
    """Name the settings and what they should be, never their values: one may be a secret."""
    problems = [
        (_setting("_".join(map(str, one["loc"]))), one["msg"].removeprefix("Value error, "))
        for one in error.errors(include_input=False, include_url=False)
    ]
    return "; ".join(f"{name}: {text}" if name else text for name, text in problems)


def _unreadable_setting(error: Any) -> str:
    """Name a setting that is no JSON. Its value may be a secret, and is not said."""
    named = re.search(r'field "(\w+)"', str(error))
    name = _setting(named[1]) if named else "a setting"
    example = _JSON_EXAMPLES.get(name, "an object")
    return f"{name} is no JSON; write for example {example}"


def _setting(name: str) -> str:
    return name if not name or name.startswith("TEMPORAL_") else f"LEADLOOP_{name.upper()}"


_EXAMPLES = "write postgresql://USER:PASSWORD@HOST/NAME or sqlite:////folder/leadloop.db"
_OTHER_DRIVERS = frozenset({"MySQLdb", "psycopg2", "oracledb", "cx_Oracle", "pyodbc", "aiosqlite", "asyncpg"})
_JSON_EXAMPLES = {
    "LEADLOOP_SITES": '["https://www.acme.example"]',
    "LEADLOOP_WEBHOOKS": '{"crm": {"url": "https://crm.example/hooks"}}',
}
_EXPLANATIONS: dict[str, Callable[[Any], str | None]] = {
    "builtins.ModuleNotFoundError": _driver,
    "builtins.OSError": _system,
    "leadloop.connection.ConnectionFailedError": _own_words,
    "leadloop.embedded.processes.AlreadyRunningError": _own_words,
    "leadloop.embedded.processes.PortTakenError": _own_words,
    "leadloop.embedded.temporal_server.ServerMissingError": _own_words,
    "leadloop.inbox.operations.log.OperationError": _sales,
    "leadloop.keys.SecretError": _own_words,
    "leadloop.language.compiler.CompileError": _compile,
    "leadloop.language.skeletons.SkeletonError": _own_words,
    "leadloop.leads.addresses.AddressError": _own_words,
    "leadloop.leads.csv_files.CsvFileError": _own_words,
    "leadloop.sales.commands.SalesError": _sales,
    "leadloop.storage.database.StorageError": _own_words,
    "leadloop.storage.publications.NotPublishedError": _publish_first,
    "leadloop.web.api_keys.ApiKeyError": _own_words,
    "pydantic_core._pydantic_core.ValidationError": _settings,
    "pydantic_settings.exceptions.SettingsError": _unreadable_setting,
    "sqlalchemy.exc.ArgumentError": _address,
    "sqlalchemy.exc.DBAPIError": _database,
}
