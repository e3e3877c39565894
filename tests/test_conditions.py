"""Evaluating conditions: the past, days in the lead's zone, calendars, and what is unknown."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadloop.conditions import (
    ConditionError,
    EvaluationError,
    FactValue,
    compile_expression,
    evaluate,
    with_surroundings,
)
from leadloop.language.plan import Did, EventMatch, FactType

DECLARED: dict[str, FactType] = {"lead.created_at": "instant", "lead.source": "text", "now": "instant"}
NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
VIEWED = Did(match=EventMatch(event="page_viewed"))


@dataclass
class Around:
    """Surroundings that know one event and one open calendar."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Tokyo"))

    def did(self, question: Did) -> bool:
        return question.match.event == "page_viewed"

    def is_open(self, calendar: str) -> bool:
        return calendar == "本社-office"


def truth(source: str, facts: dict[str, FactValue], did: dict[str, Did] | None = None) -> bool | None:
    expression = compile_expression(source, DECLARED, did)
    return evaluate(expression, with_surroundings({"now": NOW, **facts}, Around())).truth


@pytest.mark.parametrize(
    ("created", "days"),
    [
        (datetime(2026, 11, 23, 15, 0, tzinfo=UTC), 0),  # midnight in Tokyo
        (datetime(2026, 11, 23, 14, 59, tzinfo=UTC), 1),
        (datetime(2026, 10, 24, 0, 0, tzinfo=UTC), 31),
        (datetime(2026, 11, 24, 15, 0, tzinfo=UTC), -1),
    ],
)
def test_days_are_calendar_days_in_the_zone(created: datetime, days: int) -> None:
    assert truth(f"days_since(lead.created_at) == {days}", {"lead.created_at": created}) is True
    assert truth(f"days_until( lead.created_at ) == {-days}", {"lead.created_at": created}) is True


@pytest.mark.parametrize("source", ["days_since(lead.created_at) > 3", "!(days_until(lead.created_at) > 3)"])
def test_days_of_an_unknown_date_are_unknown(source: str) -> None:
    assert truth(source, {}) is None
    assert truth(f"known(lead.created_at) && {source}", {}) is False


def test_open_asks_each_calendar() -> None:
    assert truth("open(\"本社-office\") && !open('osaka')", {}) is True
    assert truth('lead.source == "open(\\"x\\")"', {"lead.source": 'open("x")'}) is True


def test_did_is_always_known() -> None:
    questions = {"did.a1": VIEWED, "did.b2": Did(match=EventMatch(event="deal_lost"))}
    assert truth("(did.a1) && !(did.b2)", {}, questions) is True
    verdict = evaluate(
        compile_expression("did.a1 || lead.source == 'x'", DECLARED, questions),
        with_surroundings({}, Around()),
    )
    assert verdict.truth is True
    assert verdict.seen == {"did.a1": True, "lead.source": None}


@pytest.mark.parametrize("source", ["did.a1", 'open("office")', "days_since(lead.created_at) > 0"])
def test_question_without_surroundings_is_an_error(source: str) -> None:
    expression = compile_expression(source, DECLARED, {"did.a1": VIEWED})
    with pytest.raises(EvaluationError, match="cannot be asked here"):
        evaluate(expression, {"now": NOW, "lead.created_at": NOW})


TOKENS = [
    "known(", "days_since(", "days_until(", "open(", ")", '"', "'", "office", "lead.source", "now", " ",
    "lead.created_at", "&&", "!", "== 1", "> 3", "did.a1", "資料", "\\", "(", "[", "]", ",",
]  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS), max_size=12).map("".join))
def test_any_text_compiles_or_is_refused(source: str) -> None:
    facts: dict[str, FactValue] = {"now": NOW, "lead.source": "x"}
    with contextlib.suppress(ConditionError):
        expression = compile_expression(source, DECLARED, {"did.a1": VIEWED})
        assert evaluate(expression, with_surroundings(facts, Around())).truth in (True, False, None)


@pytest.mark.parametrize(
    ("source", "column", "words"),
    [
        ("1 == 1 && days_since(lead.source) > 1", 22, "`lead.source` is a text"),
        ("days_since(lead.nothing) > 1", 12, "unknown name"),
        ("open(lead.source)", 5, "undeclared reference to 'open'"),
        ("known(lead.source) && did.a1", 26, "undeclared"),
    ],
)
def test_misuse_is_refused_at_its_column(source: str, column: int, words: str) -> None:
    with pytest.raises(ConditionError, match=words) as caught:
        compile_expression(source, DECLARED)
    assert caught.value.column == column


@pytest.mark.parametrize(
    "source",
    ['{"a": 1}[lead.source] == 1', '"資料".matches(lead.source)', "int(lead.source) > 1"],
)
def test_error_does_not_name_the_values_it_saw(source: str) -> None:
    """The text ends up in traces and in the reason of a held journey."""
    expression = compile_expression(source, DECLARED)
    with pytest.raises(EvaluationError) as caught:
        evaluate(expression, {"now": NOW, "lead.source": "山田[太郎"})
    assert "山田" not in str(caught.value)
    assert "太郎" not in str(caught.value)
    assert str(caught.value).startswith(source)
