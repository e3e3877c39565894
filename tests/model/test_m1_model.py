"""M1: random scenarios and random things that happen to a lead, in a model and in the real engine.

Both take the same path, send the same mails and have the same lead afterwards, whatever dies in between, and
the checker finds nothing. The model does not know `hand_off`, `task`, `recycle`, `experiment` with a `rest`,
entries by time, records, companies and several leads, so these are not drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import randrange

import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.model.engine import MortalDatabase, mortal_database
from tests.model.play import play
from tests.model.scenarios import Example, examples

QUICK = 50
"""Examples of each part of the quick test; always the same ones."""
PARTS = 4
MANY = 3000


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalDatabase]:
    with mortal_database(tmp_path_factory.mktemp("model")) as one:
        yield one


@pytest.mark.parametrize("part", range(PARTS))
def test_m1_engine_agrees_with_the_model(database: MortalDatabase, part: int) -> None:
    play_many(database, QUICK, part)


@pytest.mark.fault
def test_m1_engine_agrees_with_the_model_in_thousands(
    database: MortalDatabase, request: pytest.FixtureRequest
) -> None:
    chosen = request.config.getoption("--model-seed")
    number = randrange(2**32) if chosen is None else chosen
    print(f"to draw the same examples again: --model-seed {number}")
    play_many(database, request.config.getoption("--model-examples") or MANY, number)


def play_many(database: MortalDatabase, count: int, number: int) -> None:
    """Play examples drawn from a seed. A failing one is printed with what reproduces it."""

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        derandomize=False,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(example=examples())
    def run(example: Example) -> None:
        play(database, example)

    run()
