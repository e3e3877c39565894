"""Databases of both kinds, each new for its test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadloop.keys import Keys
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import upgrade
from leadloop.storage.publications import PublicationStore, publish
from tests.factories import SECRET, ManualClock, make_publication
from tests.storage.postgres import PostgresMissingError, fresh_database, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a running PostgreSQL server."""
    try:
        with postgres_server() as server:
            yield server
    except PostgresMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database: SQLite, then PostgreSQL."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'leadloop.db'}")
        yield database
        database.close()
        return
    with fresh_database(request.getfixturevalue("postgres")) as url:
        database = Database(url)
        yield database
        database.close()


@pytest.fixture
def migrated(database: Database, clock: ManualClock) -> Environment:
    """An environment whose schema alembic made, with the small workspace live."""
    upgrade(database)
    with database.write() as session:
        publish(session, make_publication(), "tests", clock.now())
    return Environment(database, clock, Keys(SECRET), PublicationStore(database))
