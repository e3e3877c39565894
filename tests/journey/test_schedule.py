"""Recurring times against tables and against a calendar walked day by day; periods of limits."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadloop.journey.schedule import day_at, next_instant, period_of, zone_of
from leadloop.language.plan import Cron, Frequency, Schedule, ScheduleMatch, Span

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
APIA = ZoneInfo("Pacific/Apia")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")

DAILY = Schedule(every="day", at="09:00")
MONDAY = Schedule(every="week", weekday=0, at="09:00")
SECOND_TUESDAY = Schedule(every="month", weekday=1, nth=2, at="10:00")
FIFTH_FRIDAY = Schedule(every="month", weekday=4, nth=5, at="10:00")
LAST_FRIDAY = Schedule(every="month", weekday=4, nth=-1, at="10:00")
DAY_25 = Schedule(every="month", day=25, at="10:00")
DAY_31 = Schedule(every="month", day=31, at="10:00")
LAST_DAY = Schedule(every="month", nth=-1, at="10:00")
NIGHT = Schedule(every="day", at="02:30")


def local(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        (DAILY, TOKYO, "2026-11-16 08:59", "2026-11-16 09:00"),
        (DAILY, TOKYO, "2026-11-16 09:00", "2026-11-17 09:00"),
        (MONDAY, TOKYO, "2026-11-16 08:00", "2026-11-16 09:00"),
        (MONDAY, TOKYO, "2026-11-16 09:00", "2026-11-23 09:00"),
        (SECOND_TUESDAY, TOKYO, "2026-11-01 00:00", "2026-11-10 10:00"),
        (SECOND_TUESDAY, TOKYO, "2026-11-10 10:00", "2026-12-08 10:00"),
        (SECOND_TUESDAY, TOKYO, "2026-12-08 10:00", "2027-01-12 10:00"),
        # some months have no fifth Friday
        (FIFTH_FRIDAY, TOKYO, "2026-11-01 00:00", "2027-01-29 10:00"),
        (FIFTH_FRIDAY, TOKYO, "2027-01-29 10:00", "2027-04-30 10:00"),
        (LAST_FRIDAY, TOKYO, "2026-11-01 00:00", "2026-11-27 10:00"),
        (LAST_FRIDAY, TOKYO, "2027-01-01 00:00", "2027-01-29 10:00"),
        (DAY_25, TOKYO, "2026-11-25 10:00", "2026-12-25 10:00"),
        # a shorter month's last day
        (DAY_31, TOKYO, "2027-02-01 00:00", "2027-02-28 10:00"),
        (DAY_31, TOKYO, "2028-02-01 00:00", "2028-02-29 10:00"),
        (DAY_31, TOKYO, "2028-02-29 10:00", "2028-03-31 10:00"),
        (LAST_DAY, TOKYO, "2026-11-30 10:00", "2026-12-31 10:00"),
        (LAST_DAY, TOKYO, "2028-02-28 23:00", "2028-02-29 10:00"),
        # summer time: 02:30 is skipped in March and comes twice in October; the first one counts
        (NIGHT, BERLIN, "2027-03-27 12:00", "2027-03-28 03:30"),
        (NIGHT, BERLIN, "2027-10-30 12:00", "2027-10-31 02:30"),
        (DAILY, NEW_YORK, "2027-03-13 10:00", "2027-03-14 09:00"),
    ],
)
def test_next_instant(schedule: Schedule, zone: ZoneInfo, after: str, expected: str) -> None:
    found = next_instant(schedule, local(after, zone), zone)
    assert found.astimezone(zone).strftime("%Y-%m-%d %H:%M") == expected
    assert found.tzinfo is UTC


def test_next_instant_of_a_time_that_comes_twice_comes_once() -> None:
    first = next_instant(NIGHT, local("2027-10-30 12:00", BERLIN), BERLIN)
    second = next_instant(NIGHT, first, BERLIN)
    assert second.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M") == "2027-11-01 02:30"


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 10 * * 2", TOKYO, "2026-11-10 09:59", "11-10 10:00, 11-17 10:00"),
        ("0 10 1,15 * MON", TOKYO, "2026-11-01 10:00", "11-02 10:00, 11-09 10:00, 11-15 10:00"),
        ("0 0 29 2 *", TOKYO, "2026-11-01 00:00", "02-29 00:00, 02-29 00:00"),
        ("*/15 * * * *", TOKYO, "2026-11-01 23:50", "11-02 00:00, 11-02 00:15"),
        # 02:30 is skipped in March, and comes twice in October
        ("30 2 * * *", BERLIN, "2027-03-27 12:00", "03-28 03:30, 03-29 02:30"),
        ("30 2 * * *", BERLIN, "2027-10-30 12:00", "10-31 02:30, 11-01 02:30"),
        # the times of the hour that is skipped are those of the hour after it; the first of two hours counts
        ("*/30 * * * *", BERLIN, "2027-03-28 01:30", "03-28 03:00, 03-28 03:30, 03-28 04:00"),
        ("*/30 * * * *", BERLIN, "2027-10-31 02:15", "10-31 02:30, 10-31 03:00, 10-31 03:30"),
        # half an hour is skipped: 02:15 becomes 02:45, which is later than 02:30
        ("15,30 2 * * *", LORD_HOWE, "2026-10-04 01:00", "10-04 02:30, 10-04 02:45, 10-05 02:15"),
        # a whole day is skipped
        ("0 10 * * *", APIA, "2011-12-29 09:00", "12-29 10:00, 12-31 10:00, 01-01 10:00"),
        ("0 10 30 * *", APIA, "2011-12-29 09:00", "12-31 10:00, 01-30 10:00"),
    ],
)  # fmt: skip
def test_next_instant_of_cron(cron: str, zone: ZoneInfo, after: str, expected: str) -> None:
    at, found = local(after, zone), []
    for _ in expected.split(", "):
        at = next_instant(Cron(cron=cron), at, zone)
        assert at.tzinfo is UTC
        found.append(at.astimezone(zone).strftime("%m-%d %H:%M"))
    assert ", ".join(found) == expected


def test_zone_of_a_schedule_is_the_written_one() -> None:
    assert zone_of(ScheduleMatch(schedule=DAILY), BERLIN) == BERLIN
    assert zone_of(ScheduleMatch(schedule=DAILY, zone="Asia/Tokyo"), BERLIN) == TOKYO


_ZONES = st.sampled_from([TOKYO, BERLIN, NEW_YORK, APIA, LORD_HOWE, ZoneInfo("UTC")])
_TIMES = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 15, 30]))
_SCHEDULES = st.one_of(
    st.builds(lambda at: Schedule(every="day", at=at), _TIMES),
    st.builds(lambda at, day: Schedule(every="week", weekday=day, at=at), _TIMES, st.integers(0, 6)),
    st.builds(
        lambda at, day, nth: Schedule(every="month", weekday=day, nth=nth, at=at),
        _TIMES,
        st.integers(0, 6),
        st.sampled_from([1, 2, 3, 4, 5, -1]),
    ),
    st.builds(lambda at, day: Schedule(every="month", day=day, at=at), _TIMES, st.integers(1, 31)),
    st.builds(lambda at: Schedule(every="month", nth=-1, at=at), _TIMES),
)
_FIRST = datetime(2011, 1, 1, tzinfo=UTC)
_INSTANTS = st.integers(0, 20 * 366 * 24 * 60).map(lambda minutes: _FIRST + timedelta(minutes=minutes))


def _falls_on(schedule: Schedule, day: date) -> bool:
    """The calendar as one reads it, without the arithmetic of the code."""
    last = monthrange(day.year, day.month)[1]
    if schedule.every == "day":
        return True
    if schedule.every == "week":
        return day.weekday() == schedule.weekday
    if schedule.weekday is None:
        return day.day == (last if schedule.nth == -1 else min(schedule.day or 0, last))
    same = [number for number in range(1, last + 1) if day.replace(day=number).weekday() == schedule.weekday]
    nth = schedule.nth or 1
    if nth == -1:
        return day.day == same[-1]
    return len(same) >= nth and day.day == same[nth - 1]


@settings(max_examples=300, deadline=None)
@given(schedule=_SCHEDULES, after=_INSTANTS, zone=_ZONES)
def test_next_instant_is_the_first_one_of_the_calendar(
    schedule: Schedule, after: datetime, zone: ZoneInfo
) -> None:
    found = next_instant(schedule, after, zone)
    day = after.astimezone(zone).date() - timedelta(days=2)
    candidates = []
    while day <= found.astimezone(zone).date() + timedelta(days=2):
        if _falls_on(schedule, day):
            candidates.append(day_at(day, schedule.at, zone))
        day += timedelta(days=1)
    assert found == min(at for at in candidates if at > after)


@settings(max_examples=100, deadline=None)
@given(schedule=_SCHEDULES, after=_INSTANTS, zone=_ZONES)
def test_next_instant_goes_forward(schedule: Schedule, after: datetime, zone: ZoneInfo) -> None:
    first = next_instant(schedule, after, zone)
    second = next_instant(schedule, first, zone)
    assert after < first < second
    assert next_instant(schedule, second - timedelta(microseconds=1), zone) == second


def _as_cron(schedule: Schedule) -> str | None:
    """Return the cron expression that means the same; None where cron has no word for it."""
    hour, minute = schedule.at.split(":")
    day = f"{int(minute)} {int(hour)}"
    if schedule.every == "day":
        return f"{day} * * *"
    if schedule.every == "week":
        return f"{day} * * {((schedule.weekday or 0) + 1) % 7}"
    return f"{day} {schedule.day} * *" if schedule.day is not None and schedule.day <= 28 else None


@settings(max_examples=300, deadline=None)
@given(schedule=_SCHEDULES.filter(lambda one: _as_cron(one) is not None), after=_INSTANTS, zone=_ZONES)
def test_next_instant_of_cron_is_that_of_the_same_words(
    schedule: Schedule, after: datetime, zone: ZoneInfo
) -> None:
    cron = Cron(cron=_as_cron(schedule) or "")
    assert next_instant(cron, after, zone) == next_instant(schedule, after, zone)


def _limit(count: int, amount: int, unit: str) -> Frequency:
    return Frequency(count=count, per=Span.model_validate({"amount": amount, "unit": unit}))


@pytest.mark.parametrize(
    ("amount", "unit", "start", "end"),
    [
        (1, "hours", "2026-11-18 10:00", "2026-11-18 11:00"),
        (15, "minutes", "2026-11-18 10:30", "2026-11-18 10:45"),
        (1, "days", "2026-11-18 00:00", "2026-11-19 00:00"),
        (1, "weeks", "2026-11-16 00:00", "2026-11-23 00:00"),
        (7, "days", "2026-11-16 00:00", "2026-11-23 00:00"),
        (1, "months", "2026-11-01 00:00", "2026-12-01 00:00"),
        (3, "months", "2026-10-01 00:00", "2027-01-01 00:00"),
        (12, "months", "2026-01-01 00:00", "2027-01-01 00:00"),
    ],
)
def test_period_of_is_cut_by_the_calendar(amount: int, unit: str, start: str, end: str) -> None:
    found = period_of(_limit(1, amount, unit), local("2026-11-18 10:40", TOKYO), TOKYO)
    assert found == (local(start, TOKYO), local(end, TOKYO))


@settings(max_examples=200, deadline=None)
@given(
    at=_INSTANTS,
    zone=_ZONES,
    amount=st.integers(1, 40),
    unit=st.sampled_from(["minutes", "hours", "days", "weeks", "months", "business_days"]),
)
def test_period_of_holds_its_instant_and_the_periods_touch(
    at: datetime, zone: ZoneInfo, amount: int, unit: str
) -> None:
    limit = _limit(1, amount, unit)
    start, end = period_of(limit, at, zone)
    assert start <= at < end
    assert period_of(limit, start, zone) == (start, end)
    assert period_of(limit, end, zone)[0] == end
