"""Recurring times as authors write them: `second tuesday 10:00`, `day 25 10:00`, or cron: `0 10 * * 2`."""

from __future__ import annotations

from leadloop.language.cron import is_cron, parse_cron
from leadloop.language.meant import ORDER, WEEKDAYS, recurring_day_meant, time_meant
from leadloop.language.plan import Cron, Schedule
from leadloop.language.spans import parse_time

EXAMPLES = (
    "`daily 09:00`, `monday 09:00`, `second tuesday 10:00`, `day 25 10:00`, `last day 10:00`, `0 10 * * 2`"
)


def parse_schedule(text: str) -> Schedule | Cron:
    """Return the schedule of a text. Raises `ValueError` that says what to write."""
    if is_cron(text):
        return parse_cron(text)
    words = text.lower().split()
    day, at = words[:-1], words[-1] if words else ""
    if len(day) == 1 and day[0] in ("daily", *WEEKDAYS):
        if day[0] == "daily":
            return Schedule(every="day", at=parse_time(at))
        return Schedule(every="week", at=parse_time(at), weekday=WEEKDAYS.index(day[0]))
    if len(day) == 2 and day[0] == "day":
        return _day_of_month(day[1], text, parse_time(at))
    if len(day) == 2 and day[0] in ORDER and day[1] in WEEKDAYS:
        nth = ORDER[day[0]]
        return Schedule(every="month", at=parse_time(at), weekday=WEEKDAYS.index(day[1]), nth=nth)
    if day == ["last", "day"]:
        return Schedule(every="month", at=parse_time(at), nth=-1)
    time = time_meant(at)
    near = recurring_day_meant(day if time else words)
    if near is not None:
        instead = f"{near} {time or '09:00'}"
        raise ValueError(f"`{text}` is not a recurring time; did you mean `{instead}`?")
    raise ValueError(f"`{text}` is not a recurring time; write one of: {EXAMPLES}")


def _day_of_month(word: str, text: str, at: str) -> Schedule:
    if not word.isascii() or not word.isdigit() or not 1 <= int(word[:3]) <= 31:
        raise ValueError(f"`{text}`: a month has the days 1 to 31; write `day 25 {at}`, or `last day {at}`")
    return Schedule(every="month", at=at, day=int(word))
