"""Recurring times: every form, and what is said of others."""

from __future__ import annotations

import pytest

from leadloop.language.plan import Schedule
from leadloop.language.schedules import parse_schedule


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("daily 09:00", Schedule(every="day", at="09:00")),
        ("monday 09:00", Schedule(every="week", at="09:00", weekday=0)),
        ("Sunday 23:59", Schedule(every="week", at="23:59", weekday=6)),
        ("second tuesday 10:00", Schedule(every="month", at="10:00", weekday=1, nth=2)),
        ("fifth friday 10:00", Schedule(every="month", at="10:00", weekday=4, nth=5)),
        ("last friday 10:00", Schedule(every="month", at="10:00", weekday=4, nth=-1)),
        ("last day 10:00", Schedule(every="month", at="10:00", nth=-1)),
        ("day 25 10:00", Schedule(every="month", at="10:00", day=25)),
        ("day 31 10:00", Schedule(every="month", at="10:00", day=31)),
    ],
)
def test_schedule_is_read(text: str, schedule: Schedule) -> None:
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("monday", "`monday 09:00`"),
        ("monday 9:00", "not a time of day"),
        ("monday 24:00", "not a time of day"),
        ("mondy 09:00", "did you mean `monday 09:00`?"),
        ("secnd tuesday 10:00", "did you mean `second tuesday 10:00`?"),
        ("every monday 10:00", "did you mean `monday 10:00`?"),
        ("every day 10:00", "did you mean `daily 10:00`?"),
        ("day 0 10:00", "1 to 31"),
        ("day 32 10:00", "1 to 31"),
        ("day ２５ 10:00", "1 to 31"),
        ("毎月25日 10:00", "did you mean `day 25 10:00`?"),
        ("sixth of may 10:00", "write one of"),
        ("第2 火曜 10:00", "did you mean `second tuesday 10:00`?"),
        ("5th monday 10:00", "did you mean `fifth monday 10:00`?"),
        ("毎日 9時", "did you mean `daily 09:00`?"),
        ("月末 17時半", "did you mean `last day 17:30`?"),
        ("毎週金曜日", "did you mean `friday 09:00`?"),
    ],
)
def test_schedule_is_refused_with_an_example(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="`") as caught:
        parse_schedule(text)
    assert words in str(caught.value)
