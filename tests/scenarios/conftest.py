"""One renderer for all scenarios, and worlds that are checked when a test is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leadloop.delivery.render import Renderer
from tests.scenarios.world import World

Worlds = Callable[..., World]


@pytest.fixture(scope="session")
def renderer() -> Iterator[Renderer]:
    with Renderer() as one:
        yield one


@pytest.fixture
def worlds(tmp_path: Path, renderer: Renderer, request: pytest.FixtureRequest) -> Iterator[Worlds]:
    """Return a function that makes a world; the invariants of all are checked in the end."""
    made: list[World] = []

    def make(start: str = "2026-11-16 10:00", *scenarios: str) -> World:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(World(folder, renderer, start, scenarios or None))
        return made[-1]

    yield make
    for world in made:
        world.close()
