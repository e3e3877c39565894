"""Calendar arithmetic: spans, business time and named days in a time zone. Pure, without a clock.

Instants come in aware and go out in UTC. Rules:

- Days, weeks and months keep the local time of day. A local time that summer time skips moves
  forward by the gap; a local time that happens twice means the first (PEP 495, fold 0).
- Seconds, minutes and hours are exact: 24 hours are 24 hours.
- Business days: the same time of day on the n-th open day after the start's day; where that is
  outside the opening hours, the next opening.
- Business minutes and hours count open time only. A count that ends exactly at closing time ends at
  the next opening, so every business span ends while it is open.
- Business spans without a calendar use `WEEKDAYS`.
- A day without a time of day means `DAY_START` in the zone.
- A month (`2027-04`) means its first open day.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from leadloop.language.plan import Calendar, Span, Until, WaitSpec

DAY_START = "09:00"
WEEKDAYS = Calendar(open=dict.fromkeys(range(5), (("09:00", "18:00"),)))
"""Business hours where the workspace names no calendar: Monday to Friday, no holidays."""

_CLOSED_DAYS_LIMIT = 400
_NEVER_OPEN = f"the calendar does not open within {_CLOSED_DAYS_LIMIT} days"
_DAY = timedelta(days=1)
_EXACT = {"seconds": timedelta(seconds=1), "minutes": timedelta(minutes=1), "hours": timedelta(hours=1)}
_BUSINESS = {"business_minutes": timedelta(minutes=1), "business_hours": timedelta(hours=1)}


@dataclass(frozen=True)
class Resolved:
    """The instant a wait ends. `past` is true where it was over before the wait began."""

    at: datetime
    past: bool


def add_span(start: datetime, span: Span, zone: ZoneInfo, calendar: Calendar | None) -> datetime:
    """Return the instant a span after `start`; a negative amount goes back.

    Raises `ValueError` for a business span in a calendar that never opens.
    """
    start = start.astimezone(UTC)  # Python adds to local times as if the clock never changed
    if span.unit in _EXACT:
        return start + span.amount * _EXACT[span.unit]
    hours = calendar or WEEKDAYS
    if span.unit in _BUSINESS:
        return _add_open_time(hours, start, span.amount * _BUSINESS[span.unit], zone)
    if span.unit == "business_days" and span.amount == 0:
        return next_open(hours, start, zone)
    if span.amount == 0:
        return start
    local = start.astimezone(zone)
    end = _instant(_add_days(local.date(), span, hours), local.time(), zone)
    return next_open(hours, end, zone) if span.unit == "business_days" else end


def is_open(calendar: Calendar, at: datetime, zone: ZoneInfo) -> bool:
    """Return whether the calendar is open. Opening times count as open, closing times as closed."""
    return any(opens <= at < closes for opens, closes in _ranges(calendar, _day(at, zone), zone))


def next_open(calendar: Calendar, at: datetime, zone: ZoneInfo) -> datetime:
    """Return `at` where the calendar is open then, otherwise its next opening.

    Raises `ValueError` where it does not open within 400 days.
    """
    return _add_open_time(calendar, at.astimezone(UTC), timedelta(0), zone)


def first_business_day(year: int, month: int, calendar: Calendar | None, zone: ZoneInfo) -> datetime:
    """Return `DAY_START` of the first open day of a month, or of the first one after it."""
    day = _next_open_day(calendar or WEEKDAYS, date(year, month, 1) - _DAY, 1)
    return _instant(day, _time(DAY_START), zone)


def at_time(instant: datetime, text: str, zone: ZoneInfo) -> datetime:
    """Return the time of day `HH:MM` on the instant's local day."""
    return _instant(_day(instant, zone), _time(text), zone)


def next_weekday(after: datetime, weekday: int, text: str, zone: ZoneInfo) -> datetime:
    """Return the next such weekday (0 is Monday) at `HH:MM`; today only if that is still to come."""
    day = _day(after, zone)
    day += timedelta(days=(weekday - day.weekday()) % 7)
    found = _instant(day, _time(text), zone)
    return found if found > after else _instant(day + 7 * _DAY, _time(text), zone)


def resolve_wait(
    spec: WaitSpec,
    *,
    start: datetime,
    zone: ZoneInfo,
    calendar: Calendar | None,
    fact: Callable[[str], object | None],
) -> Resolved | None:
    """Return when a wait that begins at `start` ends, or None where its fact is unknown.

    A span of days with `at` ends on that day at that time. A span of hours or minutes with `at` ends
    at the first such time of day after it. A fact that is text but no ISO 8601 date, instant or
    month counts as unknown, and so does one that no clock shows: before the year 1, after 9999.
    """
    start = start.astimezone(UTC)
    if spec.until is not None:
        try:
            at = _resolve_until(spec.until, spec.at, start, zone, calendar, fact)
        except OverflowError:
            at = None
        return None if at is None else Resolved(at, at < start)
    if spec.span is None:
        raise ValueError("a wait needs a span or an instant")
    return Resolved(_end_of_span(spec.span, spec.at, start, zone, calendar), past=False)


def _end_of_span(
    span: Span, at: str | None, start: datetime, zone: ZoneInfo, calendar: Calendar | None
) -> datetime:
    if at is None:
        return add_span(start, span, zone, calendar)
    earliest = start
    if span.unit in _EXACT or span.unit in _BUSINESS:
        earliest = add_span(start, span, zone, calendar)
        day = _day(earliest, zone)
    else:
        day = _add_days(_day(start, zone), span, calendar or WEEKDAYS)
    end = _instant(day, _time(at), zone)
    if end >= earliest:
        return end
    later = _next_open_day(calendar or WEEKDAYS, day, 1) if span.unit == "business_days" else day + _DAY
    return _instant(later, _time(at), zone)


def _resolve_until(
    until: Until,
    at: str | None,
    start: datetime,
    zone: ZoneInfo,
    calendar: Calendar | None,
    fact: Callable[[str], object | None],
) -> datetime | None:
    if until.weekday is not None:
        found: datetime | None = next_weekday(start, until.weekday, at or DAY_START, zone)
    elif until.on is not None:
        found = _read_instant(until.on, zone, calendar)
    else:
        found = _read_instant(fact(until.fact) if until.fact else None, zone, calendar)
    if found is None:
        return None
    if until.offset is not None:
        found = add_span(found, until.offset, zone, calendar)
    return at_time(found, at, zone) if at else found


def _read_instant(value: object | None, zone: ZoneInfo, calendar: Calendar | None) -> datetime | None:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    if isinstance(value, date):
        return _instant(value, _time(DAY_START), zone)
    if not isinstance(value, str):
        return None
    parsed = _parse(value.strip())
    if isinstance(parsed, tuple):
        return first_business_day(*parsed, calendar, zone)
    return _read_instant(parsed, zone, calendar)


def _parse(text: str) -> date | tuple[int, int] | None:
    """Read ISO 8601 text: an instant, a date, or a month as (year, month)."""
    try:
        if len(text) == len("2027-04"):
            month = date.fromisoformat(f"{text}-01")
            return month.year, month.month
        return date.fromisoformat(text) if len(text) == len("2027-04-05") else datetime.fromisoformat(text)
    except ValueError:
        return None


# --- open days and hours ----------------------------------------------------------------------


def _add_days(day: date, span: Span, calendar: Calendar) -> date:
    if span.unit == "business_days":
        if span.amount == 0:
            return day if _is_open_day(calendar, day) else _next_open_day(calendar, day, 1)
        step = 1 if span.amount > 0 else -1
        for _ in range(abs(span.amount)):
            day = _next_open_day(calendar, day, step)
        return day
    if span.unit == "months":
        months = day.year * 12 + day.month - 1 + span.amount
        year, month = divmod(months, 12)
        if not MINYEAR <= year <= MAXYEAR:
            raise OverflowError("date value out of range")
        return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    return day + span.amount * (7 * _DAY if span.unit == "weeks" else _DAY)


def _add_open_time(calendar: Calendar, start: datetime, amount: timedelta, zone: ZoneInfo) -> datetime:
    if amount < timedelta(0):
        return _subtract_open_time(calendar, start, -amount, zone)
    for opens, closes in _open_ranges(calendar, start, zone, 1):
        begins = max(opens, start)
        if closes - begins > amount:
            return begins + amount
        amount -= max(closes - begins, timedelta(0))
    raise AssertionError("the ranges of a calendar never end")


def _subtract_open_time(calendar: Calendar, start: datetime, amount: timedelta, zone: ZoneInfo) -> datetime:
    for opens, closes in _open_ranges(calendar, start, zone, -1):
        ends = min(closes, start)
        if ends - opens >= amount:
            return ends - amount
        amount -= max(ends - opens, timedelta(0))
    raise AssertionError("the ranges of a calendar never end")


def _open_ranges(
    calendar: Calendar, start: datetime, zone: ZoneInfo, step: int
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the open ranges from the start's day on, forwards (1) or backwards (-1), for ever."""
    day = _day(start, zone)
    quiet = 0
    while quiet < _CLOSED_DAYS_LIMIT:
        ranges = _ranges(calendar, day, zone)
        quiet = 0 if ranges else quiet + 1
        yield from ranges[::step]
        day += step * _DAY
    raise ValueError(_NEVER_OPEN)


def _next_open_day(calendar: Calendar, day: date, step: int) -> date:
    for _ in range(_CLOSED_DAYS_LIMIT):
        day += step * _DAY
        if _is_open_day(calendar, day):
            return day
    raise ValueError(_NEVER_OPEN)


def _is_open_day(calendar: Calendar, day: date) -> bool:
    if not calendar.open.get(day.weekday()):
        return False
    month_day = day.strftime("%m-%d")
    if any(_in_range(month_day, first, last) for first, last in calendar.closed):
        return False
    return calendar.holidays is None or day not in _holidays(calendar.holidays, day.year)


def _in_range(month_day: str, first: str, last: str) -> bool:
    if first <= last:
        return first <= month_day <= last
    return month_day >= first or month_day <= last


@lru_cache(maxsize=512)
def _holidays(country: str, year: int) -> frozenset[date]:
    """Public holidays of a country (`JP`) or subdivision (`DE-BE`), ISO 3166."""
    from holidays import country_holidays  # imported late: it takes 0.3 s

    code, _, subdivision = country.partition("-")
    try:
        return frozenset(country_holidays(code, subdiv=subdivision or None, years=year))
    except NotImplementedError:
        raise ValueError(f"no holidays are known for `{country}`") from None


def _ranges(calendar: Calendar, day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    if not _is_open_day(calendar, day):
        return []
    found = []
    for first, last in calendar.open[day.weekday()]:
        ends_at_midnight = last == "24:00"
        closes = _instant(day + _DAY, time(), zone) if ends_at_midnight else _instant(day, _time(last), zone)
        opens = _instant(day, _time(first), zone)
        if opens < closes:  # a range that summer time swallows is empty
            found.append((opens, closes))
    return sorted(found)


def _day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


def _time(text: str) -> time:
    hours, _, minutes = text.partition(":")
    return time(int(hours), int(minutes))


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at.replace(fold=0), tzinfo=zone).astimezone(UTC)
