"""Fixtures shared by all tests: an environment on its own SQLite file, and databases of both kinds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from leadloop.storage.environment import Environment
from tests import temporal_env
from tests.databases import KINDS, ServerDatabases, databases_of, lent_for_one_test, needs_database
from tests.factories import ManualClock, make_environment
from tests.storage.postgres import PostgresMissingError, fresh_database, postgres_server

# The same examples in every run: what passed once must not fail somebody else's change.
settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a shell: the programs that tests start would not hear Ctrl-C either.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto`: one worker more than cores, because a third of the time tests wait for servers."""
    return (os.cpu_count() or 1) + 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist is interrupted if it ends slowly; its tests are done then."""
    if hasattr(session.config, "workerinput"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def pytest_addoption(parser: pytest.Parser) -> None:
    model = parser.getgroup("model", "model-based tests (tests/model)")
    model.addoption("--model-examples", type=int, help="how many examples the fault tests play")
    model.addoption("--model-seed", type=int, help="what the fault tests draw from: a seed they printed")
    model.addoption("--model-no-shrink", action="store_true", help="show a failing example as it was drawn")
    parser.addoption(
        "--max-cached-workflows",
        type=int,
        default=None,
        help="Of workers in tests; 0 makes each workflow task replay its history.",
    )
    parser.addoption(
        "--database",
        choices=[*KINDS, "both"],
        default="sqlite",
        help="What the tests that need a database run on: sqlite (default), postgresql, or both.",
    )


def pytest_configure(config: pytest.Config) -> None:
    temporal_env.MOST_CACHED = config.getoption("--max-cached-workflows")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name bytes by their argument: packed ones differ from process to process, and so would the tests."""
    return argname if isinstance(val, bytes) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Play the tests that need a database on the kinds that `--database` names."""
    wanted = metafunc.config.getoption("--database")
    if wanted != "sqlite" and needs_database(metafunc):
        kinds = KINDS if wanted == "both" else (wanted,)
        metafunc.parametrize("database_kind", kinds, indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def database_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of the databases that tests open: `sqlite`, unless `--database` names another."""
    kind: str = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        yield kind
        return
    with databases_of(request.getfixturevalue("server_databases")):
        yield kind


@pytest.fixture(autouse=True)
def _databases_of_one_test(database_kind: str) -> Iterator[None]:
    with lent_for_one_test():
        yield


@pytest.fixture(scope="session")
def server_databases(postgres: str) -> Iterator[ServerDatabases]:
    databases = ServerDatabases(postgres)
    yield databases
    databases.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    environment = make_environment(tmp_path, clock=clock)
    yield environment
    environment.database.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a running PostgreSQL server."""
    try:
        with postgres_server() as server:
            yield server
    except PostgresMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database: SQLite, then PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'leadloop.db'}"
        return
    with fresh_database(request.getfixturevalue("postgres")) as address:
        yield address
