"""Recurring times as authors write them: `second tuesday 10:00`, `last day 10:00`, `day 25 10:00`."""

from __future__ import annotations

from leadloop.language.plan import Schedule
from leadloop.language.spans import WEEKDAYS, parse_time
from leadloop.language.suggest import nearest

ORDER = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
EXAMPLES = "`daily 09:00`, `monday 09:00`, `second tuesday 10:00`, `day 25 10:00`, `last day 10:00`"


def parse_schedule(text: str) -> Schedule:
    """Return the schedule of a text. Raises `ValueError` that says what to write."""
    words = text.lower().split()
    if len(words) < 2 or len(words) > 3:
        raise ValueError(f"`{text}` is not a recurring time; write one of: {EXAMPLES}")
    at = parse_time(words[-1])
    if len(words) == 2:
        return _daily_or_weekly(words[0], text, at)
    first, second = words[0], words[1]
    if first == "day":
        return _day_of_month(second, text, at)
    if first in ORDER and second in WEEKDAYS:
        return Schedule(every="month", at=at, weekday=WEEKDAYS.index(second), nth=ORDER[first])
    if first == "last" and second == "day":
        return Schedule(every="month", at=at, nth=-1)
    if first == "every" and second in ("day", *WEEKDAYS):
        raise ValueError(f"`{text}`: write `{'daily' if second == 'day' else second} {at}`")
    near_order, near_day = nearest(first, ORDER), nearest(second, WEEKDAYS)
    if near_order is not None and near_day is not None:
        raise ValueError(f"`{text}` is not a recurring time; did you mean `{near_order} {near_day} {at}`?")
    raise ValueError(f"`{text}` is not a recurring time; write one of: {EXAMPLES}")


def _daily_or_weekly(word: str, text: str, at: str) -> Schedule:
    if word == "daily":
        return Schedule(every="day", at=at)
    if word in WEEKDAYS:
        return Schedule(every="week", at=at, weekday=WEEKDAYS.index(word))
    near = nearest(word, ("daily", *WEEKDAYS))
    if near is not None:
        raise ValueError(f"`{text}` is not a recurring time; did you mean `{near} {at}`?")
    raise ValueError(f"`{text}` is not a recurring time; write one of: {EXAMPLES}")


def _day_of_month(word: str, text: str, at: str) -> Schedule:
    if not word.isascii() or not word.isdigit() or not 1 <= int(word[:3]) <= 31:
        raise ValueError(f"`{text}`: a month has the days 1 to 31; write `day 25 {at}`, or `last day {at}`")
    return Schedule(every="month", at=at, day=int(word))
