"""Recurring times of entries, and the periods that their limits count in. Pure, without a clock.

Days and times of day are local to a zone. A local time that summer time skips moves forward by the
gap; a local time that happens twice means the first (PEP 495, fold 0). Instants go out in UTC.
Cron expressions go by the same rule: the library walks local times without a zone, because its own
handling of summer time (that of Debian's cron) moves a skipped time to the end of the gap, and lets
expressions that begin with `*` come in both of the repeated hours.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from leadloop.language.plan import Cron, Frequency, Schedule, ScheduleMatch, Span

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_EXACT = {"seconds": 1, "minutes": 60, "hours": 3600, "business_minutes": 60, "business_hours": 3600}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = date(1970, 1, 5)


def zone_of(match: ScheduleMatch, own: ZoneInfo) -> ZoneInfo:
    """Return the zone of a schedule's times: the one that is written, else the lead's own."""
    return own if match.zone is None else ZoneInfo(match.zone)


def next_instant(schedule: Schedule | Cron, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first time of a schedule that is later than `after`.

    The fifth such weekday is in some months only; a day that a month lacks is its last one.
    """
    if isinstance(schedule, Cron):
        return _next_of_cron(schedule, after, zone)
    local = after.astimezone(zone).date()
    for day in _days(schedule, local - _DAY):  # a skipped local time may fall on the next day
        at = day_at(day, schedule.at, zone)
        if at > after:
            return at
    raise AssertionError("a schedule never ends")


def _next_of_cron(schedule: Cron, after: datetime, zone: ZoneInfo) -> datetime:
    local = after.astimezone(zone)
    offset = local.utcoffset() or timedelta()
    before = (after - _DAY).astimezone(zone).utcoffset() or timedelta()
    skipped = max(offset - before, timedelta())  # times of a gap that has just passed may be still to come
    found: datetime | None = None
    for naive in CronSim(schedule.cron, local.replace(tzinfo=None) - skipped - _MINUTE):
        # What a gap moves forward may come later than what follows it on the clock.
        if found is not None and naive > found.astimezone(zone).replace(tzinfo=None):
            return found
        at = naive.replace(tzinfo=zone).astimezone(UTC)
        if at > after and (found is None or at < found):
            found = at
    raise AssertionError("the compiler refuses a cron expression that never comes")


def day_at(day: date, at: str, zone: ZoneInfo) -> datetime:
    """Return the instant of a local day at `HH:MM`."""
    hours, _, minutes = at.partition(":")
    return datetime.combine(day, time(int(hours), int(minutes)), zone).astimezone(UTC)


def period_of(limit: Frequency, at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the period that a limit counts in at an instant: its start, and the start of the next.

    Days, weeks and months are those of the calendar; a week begins on Monday. Longer periods, and
    minutes and hours, are counted from 1970 on, so that everybody cuts time alike.
    """
    span = limit.per
    if span.unit in _EXACT:
        length = timedelta(seconds=span.amount * _EXACT[span.unit])
        start = _EPOCH + (at - _EPOCH) // length * length
        return start, start + length
    first, following = _calendar_period(span, at.astimezone(zone).date())
    return day_at(first, "00:00", zone), day_at(following, "00:00", zone)


def _calendar_period(span: Span, day: date) -> tuple[date, date]:
    if span.unit == "months":
        index = (day.year * 12 + day.month - 1) // span.amount * span.amount
        return _month(index), _month(index + span.amount)
    length = timedelta(days=span.amount * (7 if span.unit == "weeks" else 1))
    start = _MONDAY + (day - _MONDAY) // length * length
    return start, start + length


def _month(index: int) -> date:
    return date(index // 12, index % 12 + 1, 1)


def _days(schedule: Schedule, first: date) -> Iterator[date]:
    """Yield the days of a schedule from `first` on."""
    if schedule.every == "month":
        month = date(first.year, first.month, 1)
        while True:
            found = _day_of_month(schedule, month)
            if found is not None and found >= first:
                yield found
            month += timedelta(days=monthrange(month.year, month.month)[1])
    day = first
    while True:
        if schedule.every == "day" or day.weekday() == schedule.weekday:
            yield day
        day += _DAY


def _day_of_month(schedule: Schedule, month: date) -> date | None:
    days = monthrange(month.year, month.month)[1]
    if schedule.weekday is None:
        wanted = schedule.day if schedule.day is not None else schedule.nth or 1
        return month.replace(day=days if wanted == -1 else min(wanted, days))
    first = 1 + (schedule.weekday - month.weekday()) % 7
    if schedule.nth == -1:
        return month.replace(day=first + (days - first) // 7 * 7)
    day = first + 7 * ((schedule.nth or 1) - 1)
    return month.replace(day=day) if day <= days else None
