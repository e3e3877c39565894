"""Bringing a database to the schema of this version, by alembic.

Importing alembic is slow, so `check_schema`, which every start calls, does without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel

from leadloop.storage.database import Database, StorageError

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA = "0015"
"""Revision that this version of leadloop works with."""

_SCRIPTS = Path(__file__).parent / "alembic"


class SchemaError(StorageError):
    """The database has another schema than this version of leadloop needs."""


@dataclass(frozen=True)
class Step:
    """One migration: the revision it leads to, and what it does."""

    revision: str
    title: str


def pending(database: Database) -> list[Step]:
    """Return the migrations that the database lacks, in order.

    Raises `SchemaError` for a database of a newer version.
    """
    from alembic.script import ScriptDirectory

    found = revision(database)
    if found is not None and found > SCHEMA:
        raise SchemaError(_newer(found))
    scripts = ScriptDirectory.from_config(_config(database)).walk_revisions("base", SCHEMA)
    steps = [Step(one.revision, one.doc) for one in scripts if found is None or one.revision > found]
    return steps[::-1]


def upgrade(database: Database, told: Callable[[Step], None] = lambda step: None) -> None:
    """Create or upgrade the schema, a step at a time; `told` hears of each one that is done.

    Cut off anywhere, it goes on where it was. Raises `SchemaError` for a database of a newer version.
    """
    if revision(database) == SCHEMA:
        return
    from alembic import command

    for step in pending(database):
        command.upgrade(_config(database), step.revision)
        told(step)


def missing_indexes(database: Database) -> list[str]:
    """Return the indexes that this version wants and the database lacks, or could not finish."""
    inspector = inspect(database.engine)
    known = set(inspector.get_table_names())
    missing = []
    for table in SQLModel.metadata.sorted_tables:
        there = {one["name"] for one in inspector.get_indexes(table.name)} if table.name in known else set()
        missing += [str(index.name) for index in table.indexes if index.name not in there]
    if not database.is_sqlite:
        with database.engine.connect() as connection:
            invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
            missing += [str(name) for name in connection.execute(text(invalid)).scalars()]
    return sorted(missing)


def _config(database: Database) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["engine"] = database.engine
    return config


def check_schema(database: Database) -> None:
    """Raise `SchemaError` unless the database has the schema of this version."""
    if database.is_missing:
        raise SchemaError(
            f"there is no database {make_url(database.url).database}: run `leadloop db upgrade`"
        )
    found = revision(database)
    if found is None:
        raise SchemaError("the database is empty: run `leadloop db upgrade`")
    if found > SCHEMA:
        raise SchemaError(_newer(found))
    if found != SCHEMA:
        raise SchemaError(f"the database has schema {found}: run `leadloop db upgrade`")


def revision(database: Database) -> str | None:
    """Return the database's schema revision, or None where it has none yet."""
    if database.is_missing:
        return None
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _newer(found: str) -> str:
    return f"the database has schema {found}, made by a newer leadloop; this one knows {SCHEMA}"
