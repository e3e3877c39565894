"""The numbers that conditions and events compare scores with, and when decay passes them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadloop.journey.points import shown
from leadloop.language.plan import (
    EventMatch,
    Expression,
    PropertyMatch,
    ScoreModel,
    Segment,
    Span,
    WhenMatch,
)
from leadloop.scoring.thresholds import crossings, passes_at, read_thresholds
from tests.factories import NOW, make_plans

MODEL = ScoreModel(half_life=Span(amount=30, unit="days"))
MODELS = ["engagement", "fit"]


def _crossed(**properties: object) -> EventMatch:
    return EventMatch(
        event="score_crossed",
        properties=tuple(
            PropertyMatch(name=name, values=value if isinstance(value, tuple) else (value,))
            for name, value in properties.items()
        ),
    )


@pytest.mark.parametrize(
    ("source", "edges"),
    [
        ("lead.score.engagement >= 30", {30}),
        ("lead.score.engagement > 30", {31}),
        ("lead.score.engagement < 30", {30}),
        ("lead.score.engagement <= 30", {31}),
        ("lead.score.engagement == 30", {30, 31}),
        ("lead.score.engagement != -5", {-5, -4}),
        ("30 <= lead.score.engagement && 50 > lead.score.engagement", {30, 50}),
        ("lead.score.engagement>=lead.score.fit", set()),
        ("lead.employees >= 100", set()),
    ],
)
def test_edges_are_where_the_answer_changes(source: str, edges: set[int]) -> None:
    found = read_thresholds([WhenMatch(when=Expression(source=source))], MODELS)
    assert found.edges.get("engagement", frozenset()) == edges
    assert found.reported == {}


def test_thresholds_that_events_name_are_reported() -> None:
    found = read_thresholds(
        {
            "a": [
                _crossed(model="engagement", threshold=(30, 60)),
                _crossed(threshold=10),
                _crossed(model="fit"),
            ]
        },
        MODELS,
    )
    assert found.reported == {"engagement": {30, 60, 10}, "fit": {10}}
    assert found.edges == found.reported


def test_thresholds_are_found_deep_in_plans_and_segments() -> None:
    plan = make_plans()["whitepaper-nurture"]
    goal = WhenMatch(when=Expression(source="lead.score.fit >= 20"))
    kept = Segment(when=Expression(source="lead.score.engagement < 5"))
    found = read_thresholds([{"x": plan.model_copy(update={"goal": (goal,)})}, {"s": kept}], MODELS)
    assert found.edges == {"fit": {20}, "engagement": {5}}


@pytest.mark.parametrize(
    ("before", "score", "expected"),
    [
        (0, 30.0, [(10, "up"), (30, "up")]),
        (0, 29.4, [(10, "up")]),
        (30, 29.4, [(30, "down")]),
        (35, 5.0, [(30, "down"), (10, "down")]),
        (30, 31.0, []),
        (12, 12.0, []),
    ],
)
def test_crossings(before: int, score: float, expected: list[tuple[int, str]]) -> None:
    assert crossings(before, score, {10, 30}) == expected


@settings(max_examples=200, deadline=None)
@given(
    score=st.floats(-200, 200).filter(lambda value: abs(value) > 0.6),
    edges=st.sets(st.integers(-150, 150), min_size=1, max_size=4),
)
def test_passes_at_is_the_first_instant_at_which_a_number_is_passed(score: float, edges: set[int]) -> None:
    at = passes_at(MODEL, score, edges, NOW)
    half_life = timedelta(days=30)

    def below(seconds: float) -> set[int]:
        points = shown(score * 2 ** (-seconds / half_life.total_seconds()))
        return {edge for edge in edges if points < edge}

    if at is None:
        assert below(0) == below(half_life.total_seconds() * 60)
        return
    seconds = (at - NOW).total_seconds()
    assert below(seconds) != below(0) or seconds <= 2
    if seconds > 4:
        assert below(seconds - 3) == below(0)


def test_passes_at_never_without_decay() -> None:
    assert passes_at(ScoreModel(), 50, {30}, NOW) is None
    assert passes_at(MODEL, 0, {0}, NOW) is None
