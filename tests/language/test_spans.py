"""Lengths and times as authors write them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadloop.language.plan import AtMost, Every, Frequency, Span, Until
from leadloop.language.spans import (
    parse_at_most,
    parse_closed,
    parse_every,
    parse_frequency,
    parse_hours,
    parse_span,
    parse_until,
    parse_weekdays,
)


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("3 days", 3, "days"),
        ("1 day", 1, "days"),
        ("2 weeks", 2, "weeks"),
        ("1 month", 1, "months"),
        ("90 seconds", 90, "seconds"),
        ("4 business hours", 4, "business_hours"),
        ("15 business minutes", 15, "business_minutes"),
        ("1 business day", 1, "business_days"),
        ("0 days", 0, "days"),
    ],
)
def test_parse_span_reads(text: str, amount: int, unit: str) -> None:
    assert parse_span(text) == Span.model_validate({"amount": amount, "unit": unit})


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("3", "write a whole number and a unit"),
        ("3d", "write `3 days`"),
        ("3日", "write `3 days`"),
        ("３　日", "write `3 days`"),
        ("3営業日", "write `3 business days`"),
        ("3 dayz", "write `3 days`"),
        ("1 dayz", "write `1 day`"),
        ("3 Days", "write `3 days`"),
        ("3 business weeks", "business days"),
        ("1.5 days", "smaller unit"),
        ("-1 day", "negative"),
        ("P3D", "write a whole number"),
        ("10000 weeks", "ten years"),
        ("999999999999 business days", "ten years"),
        ("3  days", "write `3 days`"),
        ("", "write a whole number"),
    ],
)
def test_parse_span_says_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice.replace(".", r"\.")):
        parse_span(text)


@given(st.text(max_size=40))
def test_parse_span_raises_only_value_errors(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_span(text).amount >= 0


def test_parse_until_reads_facts_weekdays_and_dates() -> None:
    fact = "run.entry.revisit_on"
    assert parse_until(fact) == (Until(fact=fact), None)
    assert parse_until(f"{fact} - 1 day").until == Until(fact=fact, offset=Span(amount=-1, unit="days"))
    assert parse_until(f"{fact} + 1 business day").until.offset == Span(amount=1, unit="business_days")
    assert parse_until("monday 09:00") == (Until(weekday=0), "09:00")
    assert parse_until("2027-04-01 10:00") == (Until(on=date(2027, 4, 1)), "10:00")


def test_small_texts_are_read() -> None:
    assert parse_at_most("1 per day") == AtMost(count=1, per="day")
    assert parse_at_most("1 per message") == AtMost(count=1, per="message")
    assert parse_at_most("3 per 7 days") == AtMost(count=3, per=Span(amount=7, unit="days"))
    assert parse_at_most("3 per hour") == AtMost(count=3, per=Span(amount=1, unit="hours"))
    assert parse_every("3 times within 30 days") == Every(times=3, within=Span(amount=30, unit="days"))
    assert parse_frequency("2 per 7 days") == Frequency(count=2, per=Span(amount=7, unit="days"))
    assert parse_closed("12-29..01-03") == ("12-29", "01-03")
    assert parse_closed("02-29") == ("02-29", "02-29")
    assert parse_weekdays("mon-fri") == (0, 1, 2, 3, 4)
    assert parse_weekdays("sat") == (5,)
    assert parse_hours("09:00-18:00") == ("09:00", "18:00")
    assert parse_hours("09:00-24:00") == ("09:00", "24:00")


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_at_most, "0 per day"),
        (parse_at_most, "1 per 0 days"),
        (parse_at_most, "once per day"),
        (parse_every, "3 within 30 days"),
        (parse_frequency, "2 per seven days"),
        (parse_closed, "13-01..01-03"),
        (parse_closed, "12-29-01-03"),
        (parse_weekdays, "fri-mon"),
        (parse_weekdays, "monday"),
        (parse_hours, "18:00-09:00"),
        (parse_hours, "9:00-18:00"),
        (parse_until, "monday 25:00"),
        (parse_until, "2027-02-30"),
        (parse_until, "tomorrow"),
        (parse_until, "run.entry.revisit_on - a day"),
        (parse_until, "run.call-back.date - 1 day"),
    ],
)
def test_small_texts_are_refused_with_an_example(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        parse(text)
