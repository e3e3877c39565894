"""Parts of fault tests: environments on both databases, a web server's client, real engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from leadloop.delivery.tokens import Tokens
from leadloop.embedded.temporal_server import ServerMissingError
from leadloop.keys import Keys
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import upgrade
from leadloop.storage.publications import PublicationStore, publish
from leadloop.web.app import create_app
from tests.factories import SECRET, ManualClock, make_publication
from tests.kill.engine import Engine, SlowSink, dev_server

Api = Callable[[Environment], Any]


@pytest.fixture
def api() -> Api:
    """Makes a client of the web application on an environment, without a network."""

    @asynccontextmanager
    async def client(env: Environment) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(env, tokens=Tokens(env.keys), public_url="http://127.0.0.1:8080")
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as one:
            yield one

    return client


def published(url: str, clock: ManualClock) -> Environment:
    """Return an environment whose schema alembic made, with the small workspace live."""
    database = Database(url)
    upgrade(database)
    with database.write() as session:
        publish(session, make_publication(), "tests", clock.now())
    return Environment(database, clock, Keys(SECRET), PublicationStore(database))


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dev server, one for all tests of a module."""
    try:
        with dev_server(tmp_path_factory.mktemp("temporal")) as address:
            yield address
    except ServerMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def engine(tmp_path: Path, temporal: str) -> Iterator[Engine]:
    """An engine on SQLite; workers are started by the test."""
    with running_engine(tmp_path, temporal) as engine:
        yield engine


@contextmanager
def running_engine(
    folder: Path, temporal: str, url: str | None = None, sink: SlowSink | None = None
) -> Iterator[Engine]:
    """Make an engine with a mail server of its own; stop what it started at the end."""
    sink = sink or SlowSink()
    try:
        engine = Engine(folder, temporal, sink, url)
        try:
            yield engine
        finally:
            engine.close()
    finally:
        sink.close()
