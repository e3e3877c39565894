"""The databases of tests, with the schema in them: SQLite files, or databases of one PostgreSQL server.

Which kind it is decides the fixture `database_kind` of `tests/conftest.py`. Making a database costs more
than most tests do, so a file is a copy of one made before, and databases of PostgreSQL are emptied and
used again.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel

from leadloop.storage.database import Database
from leadloop.storage.migrations import upgrade

KINDS = ("sqlite", "postgresql")
TESTS = Path(__file__).parent

_FIXTURES = frozenset({"env", "published", "bench"})
_NAMES = frozenset({"Database", "Environment", "World", "make_environment", "open_database", "open_shop"})
_ON_FILES = frozenset({"bench", "demo", "journey", "language", "storage"})
"""Folders whose tests are about the embedded stack, or name the kinds of databases themselves."""


def needs_database(metafunc: pytest.Metafunc) -> bool:
    """Return whether a test opens a database: its fixtures do, or its module knows how to.

    Those that have the fixture `url` run on every kind anyway.
    """
    names = set(metafunc.fixturenames)
    if metafunc.definition.get_closest_marker("sqlite") is not None:
        return False
    if "url" in names or _ON_FILES & set(metafunc.definition.path.relative_to(TESTS).parts):
        return False
    return bool(names & _FIXTURES or vars(metafunc.module).keys() & _NAMES)


def open_database(folder: Path) -> Database:
    """Open the database that belongs to a folder; it has the schema, and is empty the first time."""
    return Database(address_in(folder))


def address_in(folder: Path) -> str:
    """Return the address of the database that belongs to a folder."""
    if _current is not None:
        return _current.address_in(folder)
    file = folder / "leadloop.db"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_empty_file())
    return f"sqlite:///{file}"


def copy_database(source: Path, folder: Path) -> Database:
    """Open a copy of another folder's database, which nobody has open."""
    if _current is not None:
        _current.copy(source, folder)
    else:
        for file in source.glob("leadloop.db*"):
            shutil.copy(file, folder)
    return open_database(folder)


@cache
def _empty_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        database = Database(f"sqlite:///{file}")
        upgrade(database)
        database.close()
        return file.read_bytes()


_SHAPE = """
    SELECT (SELECT string_agg(version_num, '') FROM alembic_version),
           (SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'),
           (SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public')
"""


class ServerDatabases:
    """Databases of one server, lent to tests by folder, and emptied when they are lent again."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server)
        self._free: list[str] = []
        self._lent: dict[Path, str] = {}
        self._made: list[str] = []
        self._prefix = f"leadloop_{uuid.uuid4().hex[:8]}"  # a server that was given may have others
        self._template = self._make("CREATE DATABASE {}")
        template = Database(self._address(self._template))
        upgrade(template)
        template.close()
        with psycopg.connect(self._conninfo(self._template), autocommit=True) as connection:
            self._shape = connection.execute(_SHAPE).fetchone()

    def address_in(self, folder: Path) -> str:
        """Return the address of the folder's database; make or empty one the first time."""
        name = self._lent.get(folder)
        while name is None and self._free:
            name = self._emptied(self._free.pop())
        if name is None:
            name = self._new()
        self._lent[folder] = name
        return self._address(name)

    def copy(self, source: Path, folder: Path) -> None:
        """Lend a copy of another folder's database."""
        self._disconnect(self._lent[source])
        self._lent[folder] = self._make(f'CREATE DATABASE {{}} TEMPLATE "{self._lent[source]}"')

    def lent(self) -> frozenset[Path]:
        """Return the folders whose databases are in use."""
        return frozenset(self._lent)

    def take_back(self, kept: frozenset[Path]) -> None:
        """Take back every database, but for those of some folders."""
        for folder in self._lent.keys() - kept:
            self._free.append(self._lent.pop(folder))

    def close(self) -> None:
        """Drop the databases."""
        for name in self._made:
            self._administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _new(self) -> str:
        return self._make(f'CREATE DATABASE {{}} TEMPLATE "{self._template}"')

    def _make(self, statement: str) -> str:
        name = f"{self._prefix}_{len(self._made)}"
        self._administer(statement.format(f'"{name}"'))
        self._made.append(name)
        return name

    def _emptied(self, name: str) -> str | None:
        """Return the database without its rows; None where a test has changed its schema."""
        # Deleting from empty tables costs nothing; truncating or making a database writes files.
        deletes = "; ".join(f'DELETE FROM "{name}"' for name in SQLModel.metadata.tables)
        self._disconnect(name)
        with psycopg.connect(self._conninfo(name), autocommit=True) as connection:
            if connection.execute(_SHAPE).fetchone() != self._shape:
                return None
            connection.execute(f"SET session_replication_role = replica; {deletes}")  # no foreign keys
        return name

    def _disconnect(self, name: str) -> None:
        """End what a test has left open."""
        self._administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self._conninfo(None), autocommit=True) as connection:
            connection.execute(statement)

    def _address(self, name: str) -> str:
        return self._server.set(database=name).render_as_string(hide_password=False)

    def _conninfo(self, name: str | None) -> str:
        url = self._server if name is None else self._server.set(database=name)
        return url.set(drivername="postgresql").render_as_string(hide_password=False)


_current: ServerDatabases | None = None
"""Where databases come from now; None: files."""


@contextmanager
def databases_of(server: ServerDatabases) -> Iterator[None]:
    """Let tests in this block have databases of a server."""
    global _current
    _current = server
    try:
        yield
    finally:
        server.take_back(frozenset())
        _current = None


@contextmanager
def lent_for_one_test() -> Iterator[None]:
    """Take back at the end what was lent in this block."""
    before = _current.lent() if _current is not None else frozenset()
    yield
    if _current is not None:
        _current.take_back(before)
