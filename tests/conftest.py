"""Fixtures shared by all tests: one environment per test, on its own SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadloop.storage.environment import Environment
from tests.factories import ManualClock, make_environment


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    environment = make_environment(tmp_path, clock=clock)
    yield environment
    environment.database.close()
