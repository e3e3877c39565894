"""Calendar arithmetic against tables, and its laws against random input."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadloop.journey.calendar import (
    WEEKDAYS,
    add_span,
    at_time,
    first_business_day,
    is_open,
    next_open,
    next_weekday,
    resolve_wait,
)
from leadloop.language.plan import Calendar, Span, Until, WaitSpec

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
OFFICE = Calendar(
    holidays="JP",
    closed=(("12-29", "01-03"), ("08-13", "08-15")),
    open=dict.fromkeys(range(5), (("09:00", "12:00"), ("13:00", "18:00"))),
)
NEVER = Calendar(closed=(("01-01", "12-31"),), open={0: (("09:00", "18:00"),)})
EMPTY_HOURS = Calendar(open=dict.fromkeys(range(7), (("09:00", "09:00"),)))


def local(text: str, zone: ZoneInfo, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


def span(text: str) -> Span:
    amount, unit = text.split()
    return Span.model_validate({"amount": int(amount), "unit": unit})


@pytest.mark.parametrize(
    ("zone", "start", "length", "end"),
    [
        (TOKYO, "2026-11-22 10:00", "3 days", "2026-11-25 10:00"),
        (TOKYO, "2026-11-22 10:00", "2 weeks", "2026-12-06 10:00"),
        (TOKYO, "2026-11-22 10:00", "-1 days", "2026-11-21 10:00"),
        # months keep the day, or take the last one
        (TOKYO, "2027-01-31 10:00", "1 months", "2027-02-28 10:00"),
        (TOKYO, "2028-01-31 10:00", "1 months", "2028-02-29 10:00"),
        (TOKYO, "2028-02-29 10:00", "12 months", "2029-02-28 10:00"),
        (TOKYO, "2026-11-30 10:00", "3 months", "2027-02-28 10:00"),
        (TOKYO, "2027-03-31 10:00", "-13 months", "2026-02-28 10:00"),
        # summer time begins: 02:30 does not exist and moves forward by the gap
        (BERLIN, "2027-03-27 10:00", "1 days", "2027-03-28 10:00"),
        (BERLIN, "2027-03-27 02:30", "1 days", "2027-03-28 03:30"),
        (NEW_YORK, "2027-03-13 02:30", "1 days", "2027-03-14 03:30"),
        (NEW_YORK, "2027-03-13 12:00", "24 hours", "2027-03-14 13:00"),
        # summer time ends: a repeated time is its first occurrence
        (BERLIN, "2027-10-30 10:00", "1 days", "2027-10-31 10:00"),
        (BERLIN, "2027-10-30 10:00", "24 hours", "2027-10-31 09:00"),
        (BERLIN, "2027-10-30 02:30", "1 days", "2027-10-31 02:30"),
        (NEW_YORK, "2027-11-06 01:30", "1 days", "2027-11-07 01:30"),
    ],
)
def test_add_span_keeps_local_time(zone: ZoneInfo, start: str, length: str, end: str) -> None:
    assert add_span(local(start, zone), span(length), zone, None) == local(end, zone).astimezone(UTC)


def test_add_span_takes_first_of_repeated_times() -> None:
    end = add_span(local("2027-10-30 02:30", BERLIN), span("1 days"), BERLIN, None)
    assert end == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    after_second = local("2027-10-31 02:30", BERLIN, fold=1)
    assert add_span(after_second, span("0 days"), BERLIN, None) == after_second.astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2026-11-20 14:00", "1 business_days", "2026-11-24 14:00"),  # Friday; Monday 23rd is a holiday
        ("2026-11-21 14:00", "1 business_days", "2026-11-24 14:00"),  # Saturday
        ("2026-11-24 20:00", "1 business_days", "2026-11-26 09:00"),  # after hours -> next opening
        ("2026-11-24 06:00", "1 business_days", "2026-11-25 09:00"),
        ("2026-11-24 12:30", "1 business_days", "2026-11-25 13:00"),  # in the lunch break
        ("2026-12-28 10:00", "1 business_days", "2027-01-04 10:00"),  # closed over the year end
        ("2026-08-12 10:00", "1 business_days", "2026-08-17 10:00"),
        ("2028-02-28 10:00", "1 business_days", "2028-02-29 10:00"),  # leap day
        ("2027-05-02 10:00", "1 business_days", "2027-05-06 10:00"),  # 憲法記念日 to こどもの日
        ("2026-11-21 14:00", "0 business_days", "2026-11-24 09:00"),
        ("2026-11-24 10:00", "-1 business_days", "2026-11-20 10:00"),
        ("2026-11-24 17:30", "15 business_minutes", "2026-11-24 17:45"),
        ("2026-11-24 17:50", "15 business_minutes", "2026-11-25 09:05"),
        ("2026-11-24 11:30", "1 business_hours", "2026-11-24 13:30"),
        ("2026-11-24 17:00", "1 business_hours", "2026-11-25 09:00"),  # ends at closing time
        ("2026-11-21 23:00", "2 business_hours", "2026-11-24 11:00"),
        ("2026-12-28 17:00", "2 business_hours", "2027-01-04 10:00"),
        ("2026-11-24 10:00", "-2 business_hours", "2026-11-20 17:00"),
        ("2026-11-24 10:00", "-30 business_minutes", "2026-11-24 09:30"),
    ],
)
def test_add_span_counts_business_time(start: str, length: str, end: str) -> None:
    assert add_span(local(start, TOKYO), span(length), TOKYO, OFFICE) == local(end, TOKYO)


def test_add_span_uses_weekdays_without_calendar() -> None:
    friday = local("2026-11-20 17:00", BERLIN)
    assert add_span(friday, span("2 business_hours"), BERLIN, None) == local("2026-11-23 10:00", BERLIN)


def test_open_hours_follow_summer_time() -> None:
    whole_day = Calendar(open={6: (("00:00", "24:00"),)})
    sunday = local("2027-03-28 00:00", BERLIN)
    assert add_span(sunday, span("22 business_hours"), BERLIN, whole_day) == local("2027-03-28 23:00", BERLIN)
    assert add_span(sunday, span("23 business_hours"), BERLIN, whole_day) == local("2027-04-04 00:00", BERLIN)


@pytest.mark.parametrize(
    ("at", "opening"),
    [
        ("2026-11-24 09:00", "2026-11-24 09:00"),
        ("2026-11-24 10:17", "2026-11-24 10:17"),
        ("2026-11-24 12:00", "2026-11-24 13:00"),
        ("2026-11-24 18:00", "2026-11-25 09:00"),
        ("2026-12-29 10:00", "2027-01-04 09:00"),
        ("2026-12-31 23:59", "2027-01-04 09:00"),
    ],
)
def test_next_open_finds_opening(at: str, opening: str) -> None:
    assert next_open(OFFICE, local(at, TOKYO), TOKYO) == local(opening, TOKYO)
    assert is_open(OFFICE, local(at, TOKYO), TOKYO) == (at == opening)


def test_next_open_uses_zone_of_lead() -> None:
    noon_in_utc = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)  # 21:30 in Tokyo, 07:30 in New York
    assert next_open(WEEKDAYS, noon_in_utc, TOKYO) == local("2026-11-25 09:00", TOKYO)
    assert next_open(WEEKDAYS, noon_in_utc, NEW_YORK) == local("2026-11-24 09:00", NEW_YORK)


@pytest.mark.parametrize("calendar", [NEVER, EMPTY_HOURS, Calendar(open={})])
def test_calendar_that_never_opens_is_refused(calendar: Calendar) -> None:
    with pytest.raises(ValueError, match="does not open"):
        next_open(calendar, local("2026-11-24 09:00", TOKYO), TOKYO)
    with pytest.raises(ValueError, match="does not open"):
        add_span(local("2026-11-24 09:00", TOKYO), span("2 business_days"), TOKYO, calendar)
    with pytest.raises(ValueError, match="does not open"):
        add_span(local("2026-11-24 09:00", TOKYO), span("-5 business_minutes"), TOKYO, calendar)


def test_unknown_holiday_country_is_refused() -> None:
    with pytest.raises(ValueError, match="no holidays"):
        is_open(Calendar(holidays="XX", open=WEEKDAYS.open), local("2026-11-24 09:00", TOKYO), TOKYO)


def test_holidays_of_subdivision_are_known() -> None:
    berlin = Calendar(holidays="DE-BE", open=WEEKDAYS.open)
    germany = Calendar(holidays="DE", open=WEEKDAYS.open)
    womens_day = local("2027-03-08 10:00", BERLIN)
    assert not is_open(berlin, womens_day, BERLIN)
    assert is_open(germany, womens_day, BERLIN)


def test_first_business_day_skips_holidays() -> None:
    assert first_business_day(2027, 1, OFFICE, TOKYO) == local("2027-01-04 09:00", TOKYO)
    assert first_business_day(2027, 4, OFFICE, TOKYO) == local("2027-04-01 09:00", TOKYO)
    assert first_business_day(2027, 5, None, TOKYO) == local("2027-05-03 09:00", TOKYO)


def test_at_time_stays_on_local_day() -> None:
    late = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)  # 25th in Tokyo
    assert at_time(late, "09:00", TOKYO) == local("2026-11-25 09:00", TOKYO)
    assert at_time(local("2027-03-28 12:00", BERLIN), "02:30", BERLIN) == local("2027-03-28 03:30", BERLIN)


def test_next_weekday_takes_today_only_before_the_time() -> None:
    monday = local("2026-11-23 08:00", TOKYO)
    assert next_weekday(monday, 0, "09:00", TOKYO) == local("2026-11-23 09:00", TOKYO)
    assert next_weekday(local("2026-11-23 09:00", TOKYO), 0, "09:00", TOKYO) == local(
        "2026-11-30 09:00", TOKYO
    )
    assert next_weekday(monday, 4, "17:00", TOKYO) == local("2026-11-27 17:00", TOKYO)


START = local("2026-11-24 14:00", TOKYO)


@pytest.mark.parametrize(
    ("spec", "at", "past"),
    [
        (WaitSpec(span=span("3 days")), "2026-11-27 14:00", False),
        (WaitSpec(span=span("1 days"), at="09:00"), "2026-11-25 09:00", False),
        (WaitSpec(span=span("3 business_days"), at="20:00"), "2026-11-27 20:00", False),
        (WaitSpec(span=span("4 hours"), at="17:00"), "2026-11-25 17:00", False),
        (WaitSpec(span=span("2 hours"), at="17:00"), "2026-11-24 17:00", False),
        (WaitSpec(span=span("0 days"), at="09:00"), "2026-11-25 09:00", False),
        (WaitSpec(until=Until(weekday=0), at="10:30"), "2026-11-30 10:30", False),
        (WaitSpec(until=Until(weekday=0)), "2026-11-30 09:00", False),
        (WaitSpec(until=Until(on=date(2027, 1, 15))), "2027-01-15 09:00", False),
        (WaitSpec(until=Until(on=date(2026, 11, 24))), "2026-11-24 09:00", True),
        (WaitSpec(until=Until(fact="instant")), "2026-12-01 10:00", False),
        (WaitSpec(until=Until(fact="instant"), at="17:00"), "2026-12-01 17:00", False),
        (
            WaitSpec(until=Until(fact="instant", offset=span("-1 days")), at="17:00"),
            "2026-11-30 17:00",
            False,
        ),
        (WaitSpec(until=Until(fact="day")), "2027-04-05 09:00", False),
        (WaitSpec(until=Until(fact="day text")), "2027-04-05 09:00", False),
        (WaitSpec(until=Until(fact="day text", offset=span("-3 business_days"))), "2027-03-31 09:00", False),
        (WaitSpec(until=Until(fact="instant text")), "2027-04-05 10:00", False),
        (WaitSpec(until=Until(fact="local text")), "2027-04-05 10:00", False),
        (WaitSpec(until=Until(fact="month")), "2027-01-04 09:00", False),
        (WaitSpec(until=Until(fact="month"), at="13:00"), "2027-01-04 13:00", False),
        (WaitSpec(until=Until(fact="past")), "2026-04-01 09:00", True),
    ],
)
def test_resolve_wait_names_an_instant(spec: WaitSpec, at: str, past: bool) -> None:
    facts: dict[str, object] = {
        "instant": datetime(2026, 12, 1, 1, 0, tzinfo=UTC),
        "day": date(2027, 4, 5),
        "day text": "2027-04-05",
        "instant text": "2027-04-05T01:00:00Z",
        "local text": "2027-04-05T10:00",
        "month": "2027-01",
        "past": "2026-04",
    }
    resolved = resolve_wait(spec, start=START, zone=TOKYO, calendar=OFFICE, fact=facts.get)
    assert resolved is not None
    assert (resolved.at.astimezone(TOKYO), resolved.past) == (local(at, TOKYO), past)


@pytest.mark.parametrize("value", [None, "", "来月", "2027-13", "2027-02-30", "soonish", 20270405, True])
def test_resolve_wait_is_unknown_without_a_date(value: object) -> None:
    spec = WaitSpec(until=Until(fact="run.entry.revisit_on"))
    assert resolve_wait(spec, start=START, zone=TOKYO, calendar=OFFICE, fact=lambda _: value) is None


def test_business_day_with_a_time_that_is_over_goes_on_to_a_business_day() -> None:
    friday = local("2026-11-27 12:00", TOKYO)
    resolved = resolve_wait(
        WaitSpec(span=span("0 business_days"), at="09:00"),
        start=friday, zone=TOKYO, calendar=OFFICE, fact=lambda _: None,
    )  # fmt: skip
    assert resolved is not None
    assert resolved.at.astimezone(TOKYO) == local("2026-11-30 09:00", TOKYO)


@pytest.mark.parametrize(
    ("value", "offset"),
    [
        ("0001-01-01", None),
        ("9999-12-31", "30 days"),
        ("9999-12-31", "2 months"),
        ("9999-12-31", "5 business_days"),
    ],
)
def test_date_that_no_clock_shows_is_unknown(value: str, offset: str | None) -> None:
    spec = WaitSpec(until=Until(fact="run.contract.renews_on", offset=span(offset) if offset else None))
    assert resolve_wait(spec, start=START, zone=TOKYO, calendar=OFFICE, fact=lambda _: value) is None


def test_resolve_wait_refuses_an_empty_wait() -> None:
    with pytest.raises(ValueError, match="span or an instant"):
        resolve_wait(WaitSpec(), start=START, zone=TOKYO, calendar=None, fact=lambda _: None)


INSTANTS = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - Hypothesis wants naive limits
    max_value=datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
ZONES = st.sampled_from([TOKYO, BERLIN, NEW_YORK, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")])
CALENDARS = st.sampled_from([None, OFFICE, WEEKDAYS, Calendar(open={2: (("22:00", "24:00"),)})])


@settings(max_examples=150, deadline=None)
@given(
    INSTANTS,
    ZONES,
    CALENDARS,
    st.integers(0, 40),
    st.sampled_from(sorted(Span.model_json_schema()["properties"]["unit"]["enum"])),
)
def test_add_span_never_goes_back(
    start: datetime, zone: ZoneInfo, calendar: Calendar | None, amount: int, unit: str
) -> None:
    end = add_span(start, span(f"{amount} {unit}"), zone, calendar)
    assert end >= start
    assert end.tzinfo is UTC
    if unit.startswith("business"):
        assert is_open(calendar or WEEKDAYS, end, zone)


@settings(max_examples=100, deadline=None)
@given(INSTANTS, ZONES, st.integers(1, 3000))
def test_business_minutes_add_up(start: datetime, zone: ZoneInfo, amount: int) -> None:
    opening = next_open(OFFICE, start, zone)
    step_by_step = add_span(opening, span("1 business_minutes"), zone, OFFICE)
    rest = add_span(step_by_step, span(f"{amount - 1} business_minutes"), zone, OFFICE)
    assert rest == add_span(start, span(f"{amount} business_minutes"), zone, OFFICE)


@settings(max_examples=100, deadline=None)
@given(INSTANTS, ZONES, st.integers(0, 6), st.integers(0, 23))
def test_next_weekday_is_within_a_week(start: datetime, zone: ZoneInfo, weekday: int, hour: int) -> None:
    found = next_weekday(start, weekday, f"{hour:02}:00", zone)
    assert start < found <= start + timedelta(days=7, hours=2)
    assert found.astimezone(zone).weekday() == weekday
