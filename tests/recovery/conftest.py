"""One dev server for the tests of a module; an installation per test, with a workspace of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadloop.embedded.temporal_server import ServerMissingError
from tests.kill.engine import dev_server
from tests.recovery.world import Sink, World


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        with dev_server(tmp_path_factory.mktemp("temporal")) as address:
            yield address
    except ServerMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    sink = Sink()
    world = World(tmp_path, sink)
    yield world
    world.env.database.close()
    sink.close()
