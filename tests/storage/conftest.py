"""Databases of both kinds, each new for its test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leadloop.keys import Keys
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import upgrade
from leadloop.storage.publications import PublicationStore, publish
from tests.factories import SECRET, ManualClock, make_publication


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """An empty database: SQLite, then PostgreSQL."""
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
