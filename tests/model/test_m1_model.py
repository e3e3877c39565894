"""M1: random scenarios and random things that happen to a lead, in a model and in the real engine.

Both take the same path, send the same mails and have the same lead afterwards, whatever dies in between, and
the checker finds nothing. The engine is played in two ways: by its functions alone, which is quick, and by
its workflows on the time-skipping server.

The model is a second statement of the rules of `docs/journeys.md`, and calls nothing of the engine but pure
helpers: conditions, calendars, keys. What it does not know, nothing draws: companies and their zones,
journeys `per: company`, several leads at once, entries with `existing` or `limit`, `distinct`, conditions
that cannot be evaluated, turns that fail for an hour, mails that are refused before `DATA`, and a version
that comes while a mail is in flight. With workflows the lead is in one scenario at a time, and nothing enters
by time.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import randrange

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.model.actions import Example
from tests.model.engine import Engine
from tests.model.hazards import MortalDatabase, mortal_database
from tests.model.play import MakeEngine, play
from tests.model.scenarios import examples
from tests.model.temporal import Stage, running_stage

PARTS = 4
QUICK, QUICK_ON_TEMPORAL = 25, 50
"""Examples of each part of the quick tests; always the same ones."""
MANY_PARTS, MANY, MANY_ON_TEMPORAL = 6, 500, 200
"""Parts of the fault tests, and new examples of each part: minutes each, because a slow test is ended."""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalDatabase]:
    with mortal_database(tmp_path_factory.mktemp("model")) as one:
        yield one


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with running_stage() as one:
        yield one


@pytest.mark.parametrize("part", range(PARTS))
def test_m1_engine_agrees_with_the_model(
    database: MortalDatabase, part: int, request: pytest.FixtureRequest
) -> None:
    play_many(database, Engine, QUICK, part, request.config)


@pytest.mark.parametrize("part", range(PARTS))
def test_m1_workflows_agree_with_the_model(
    database: MortalDatabase, stage: Stage, part: int, request: pytest.FixtureRequest
) -> None:
    play_many(database, stage.make_engine, QUICK_ON_TEMPORAL, PARTS + part, request.config)


@pytest.mark.fault
@pytest.mark.parametrize("part", range(MANY_PARTS))
def test_m1_engine_agrees_with_the_model_in_thousands(
    database: MortalDatabase, part: int, request: pytest.FixtureRequest
) -> None:
    play_new(database, Engine, MANY, part, request.config)


@pytest.mark.fault
@pytest.mark.parametrize("part", range(MANY_PARTS))
def test_m1_workflows_agree_with_the_model_in_thousands(
    database: MortalDatabase, stage: Stage, part: int, request: pytest.FixtureRequest
) -> None:
    play_new(database, stage.make_engine, MANY_ON_TEMPORAL, part, request.config)


def play_new(
    database: MortalDatabase, make: MakeEngine, count: int, part: int, config: pytest.Config
) -> None:
    """Play examples that nobody has seen; the seed is printed. A seed that is given is that of one part."""
    chosen = config.getoption("--model-seed")
    if chosen is not None and part:
        pytest.skip("a seed was given: the first part plays it")
    number = randrange(2**32) if chosen is None else chosen
    print(f"to draw the same examples again: --model-seed {number}")
    play_many(database, make, config.getoption("--model-examples") or count, number, config)


def play_many(
    database: MortalDatabase, make: MakeEngine, count: int, number: int, config: pytest.Config
) -> None:
    """Play examples drawn from a seed. A failing one is printed in its smallest form."""
    phases = [Phase.generate] if config.getoption("--model-no-shrink") else [Phase.generate, Phase.shrink]

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        derandomize=False,
        database=None,
        print_blob=True,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(example=examples(alone=make is not Engine))
    def run(example: Example) -> None:
        play(database, example, make)

    run()
