"""One dev server for all kill tests; a database, a mail server and workers per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadloop.embedded.temporal_server import ServerMissingError
from tests.kill.engine import Engine, SlowSink, dev_server


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        with dev_server(tmp_path_factory.mktemp("temporal")) as address:
            yield address
    except ServerMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def engine(tmp_path: Path, temporal: str) -> Iterator[Engine]:
    sink = SlowSink()
    engine = Engine(tmp_path, temporal, sink)
    yield engine
    engine.close()
    sink.close()
