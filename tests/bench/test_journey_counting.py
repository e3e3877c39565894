"""What a turn and a mail ask of the database: the journey of the bench, counted. More must be wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.journeys.counting import (
    DELIVER,
    DELIVER_AGAIN,
    TURN_1,
    TURN_2,
    TURN_3,
    TURN_4,
    Counter,
    Part,
    play,
)
from bench.journeys.ground import standing_on
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.tokens import Tokens
from tests.delivery.sink import Sink


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Part]:
    """The second journey of a process: plans, publications and compiled statements are known then."""
    folder: Path = tmp_path_factory.mktemp("counted")
    with Sink() as sink, standing_on(folder, sink.port) as ground, Counter() as counter:
        env = ground.env
        outbox = Outbox(env, ground.renderer, ground.sender, Tokens(env.keys), "http://127.0.0.1:8080")
        for lead_id in ground.add_leads(2, "lead"):
            counter.parts.clear()
            play(ground, outbox, lead_id, counter)
        ground.sender.close()
        return dict(counter.parts)


@pytest.mark.parametrize(
    ("part", "statements", "commits"),
    [
        (TURN_1, 9, 1),
        (TURN_2, 11, 1),
        (TURN_3, 24, 1),
        (TURN_4, 8, 1),
        (DELIVER, 23, 2),
        (DELIVER_AGAIN, 23, 2),
    ],
)
def test_a_journey_asks_no_more_of_the_database(
    counted: dict[str, Part], part: str, statements: int, commits: int
) -> None:
    found = counted[part]
    assert 0 < found.statements[0] <= statements
    assert found.commits == [commits]
