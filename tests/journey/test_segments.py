"""Membership given facts, without storage: as `try` works it out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from leadloop.conditions import SURROUNDINGS, FactValue
from leadloop.journey.segments import memberships, next_change, timed_questions
from leadloop.language.plan import Did, EventMatch, Expression, Segment, Span

NOW = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
WEEK = Span(amount=7, unit="days")


def _segment(source: str, **kinds: str) -> Segment:
    variables = {name.replace("__", "."): kind for name, kind in kinds.items()}
    return Segment(when=Expression.model_validate({"source": source, "variables": variables}))


def _asks(event: str, within: Span | None) -> Segment:
    question = Did(match=EventMatch(event=event), within=within)
    return Segment(when=Expression(source="did.x", variables={"did.x": "bool"}, did={"did.x": question}))


class _Past:
    """A past where each event leaves its time after so many days."""

    zone = ZoneInfo("Asia/Tokyo")

    def __init__(self, **days: int) -> None:
        self.days = days

    def did(self, question: Did) -> bool:
        return question.match.event in self.days

    def is_open(self, calendar: str) -> bool:
        return True

    def next_change(self, question: Did) -> datetime | None:
        days = self.days.get(question.match.event)
        return NOW + timedelta(days=days) if days is not None else None


def _facts(past: _Past | None = None, **values: FactValue) -> dict[str, FactValue]:
    facts = {name.replace("__", "."): value for name, value in values.items()}
    return facts | ({SURROUNDINGS: cast(FactValue, past)} if past is not None else {})


@pytest.mark.parametrize(
    ("employees", "members"),
    [(300, ["big", "large"]), (3, ["small"]), (None, ["small"])],
)
def test_memberships_do_not_depend_on_the_order_of_segments(
    employees: int | None, members: list[str]
) -> None:
    segments = {
        "small": _segment('!("large" in lead.segments)', lead__segments="texts"),
        "big": _segment('"large" in lead.segments', lead__segments="texts"),
        "large": _segment("lead.employees >= 100", lead__employees="int"),
    }
    known: dict[str, FactValue] = {} if employees is None else {"lead__employees": employees}
    facts = _facts(None, **known)
    assert memberships(segments, facts) == members
    assert sorted(memberships(dict(reversed(segments.items())), facts)) == sorted(members)


def test_memberships_of_a_condition_that_fails_is_none() -> None:
    broken = _segment("lead.employees / 0 > 1", lead__employees="int")
    assert memberships({"broken": broken}, _facts(lead__employees=3)) == []


def test_memberships_ask_the_past() -> None:
    segments = {"readers": _asks("page_viewed", WEEK), "clickers": _asks("email_clicked", WEEK)}
    assert memberships(segments, _facts(_Past(page_viewed=3))) == ["readers"]


def test_next_change_is_the_earliest_of_the_questions_with_a_time() -> None:
    segments = [_asks("page_viewed", WEEK), _asks("email_clicked", WEEK), _asks("form_submitted", None)]
    questions = timed_questions(segments)
    assert [question.match.event for question in questions] == ["page_viewed", "email_clicked"]
    past = _Past(page_viewed=5, email_clicked=2, form_submitted=1)
    assert next_change(questions, _facts(past)) == NOW + timedelta(days=2)
    assert next_change(questions, _facts(_Past())) is None
    assert next_change(questions, _facts()) is None
