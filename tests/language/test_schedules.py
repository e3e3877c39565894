"""Recurring times: every form, and what is said of others."""

from __future__ import annotations

import pytest

from leadloop.language.plan import Cron, Schedule
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


@pytest.mark.parametrize(
    ("text", "cron"),
    [
        ("0 10 * * 2", "0 10 * * 2"),
        ("*/15 * * * *", "*/15 * * * *"),
        ("  30  9-17/2 1,15 jan-mar MON-fri ", "30 9-17/2 1,15 JAN-MAR MON-FRI"),
        ("0 0 29 2 *", "0 0 29 2 *"),
        ("0 0 29 2 */7", "0 0 29 2 */7"),  # on a Sunday: in some decades only
        ("0 9 30 2 1", "0 9 30 2 1"),  # either day: the Mondays of February
        ("0 12 * * 5-7", "0 12 * * 5-7"),
        ("15,45 23,0 * * *", "15,45 23,0 * * *"),
    ],
)
def test_cron_is_read(text: str, cron: str) -> None:
    assert parse_schedule(text) == Cron(cron=cron)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 10 * *", "five fields"),
        ("0 0 10 * * 2", "five fields"),
        ("60 10 * * 2", "`60` cannot be the minute"),
        ("0 24 * * 2", "`24` cannot be the hour"),
        ("0 10 0 * *", "`0` cannot be the day of the month"),
        ("0 10 * 13 *", "`13` cannot be the month"),
        ("0 10 * JULY *", "`JULY` cannot be the month"),
        ("0 10 * * 8", "`8` cannot be the day of the week"),
        ("0 10 * * FRI-SUN", "a range that goes up"),
        ("0 10 * * ２", "`２` cannot be the day of the week"),
        ("5/20 10 * * *", "`5/20` cannot be the minute"),
        ("*/0 10 * * *", "`*/0` cannot be the minute"),
        ("0 10 , * *", "`` cannot be the day of the month"),
        ("0 10 L * *", "`last day 10:00`"),
        ("0 10 * * TUE#2", "`second tuesday 10:00`"),
        ("0 10 ? * 2", "write words"),
        ("0 10 30 2 *", "never comes"),
        ("0 10 31 2,4,6 *", "never comes"),
        ("* * * * *", "every 15 minutes; write `*/15 * * * *`"),
        ("*/14 * * * *", "every 15 minutes"),
        ("0,50 10,11 * * *", "every 15 minutes"),
        ("50 23 * * *, 0 0 * * *", "five fields"),
        ("0,50 0,23 * * *", "every 15 minutes"),  # 23:50 and the next day's 00:00
        ("@daily", "`daily 09:00`"),
    ],
)
def test_cron_is_refused_with_what_to_write(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="`") as caught:
        parse_schedule(text)
    assert words in str(caught.value)
