"""Cron expressions as recurring times: the five fields of POSIX crontab, with names and steps.

Read are numbers, lists, ranges, `*`, steps of `*` or of a range, and the English names `JAN` to `DEC`
and `SUN` to `SAT`; Sunday is 0 or 7. Where both days are given, either brings the time, unless one of
them begins with `*`. What single programs added (`L`, `#`, `W`, `?`, seconds, `@daily`) is refused:
words say it alike everywhere.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise

from cronsim import CronSim, CronSimError

from leadloop.language.plan import Cron

LEAST_MINUTES = 15
"""A shorter distance is a mistake in nearly every case, and mails people until somebody sees it."""
EXAMPLE = "0 10 * * 2"
_FIELDS = (
    ("the minute", "0-59"),
    ("the hour", "0-23"),
    ("the day of the month", "1-31"),
    ("the month", "1-12"),
    ("the day of the week", "0-7"),
)
_LIKE_CRON = re.compile(r"\s*[\d*?/,-]+\s+[\d*?/,#-]+\s[^:]*", re.ASCII)
_NAME = r"(?:\d{1,2}|[A-Z]{3})"
_ITEM = re.compile(rf"(?:\*|{_NAME}-{_NAME})(?:/\d{{1,2}})?|{_NAME}", re.ASCII)
_EXTENSION = re.compile(rf"\?|L|{_NAME}?(?:L|W|#\d+)|LW", re.ASCII)
_ANY_DAY = datetime(2024, 1, 1, tzinfo=UTC)


def is_cron(text: str) -> bool:
    """Return whether a text was meant as a cron expression: it begins with two fields of numbers."""
    return _LIKE_CRON.fullmatch(text) is not None


def parse_cron(text: str) -> Cron:
    """Return a cron expression in capitals. Raises `ValueError` that says what to write."""
    fields = text.upper().split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"`{text}`: a cron expression has five fields, from the minute to the day of the week; "
            f"write for example `{EXAMPLE}`"
        )
    for number, field in enumerate(fields):
        _check_field(text, number, field)
    try:
        cron = CronSim(" ".join(fields), _ANY_DAY)
        next(cron)  # the library looks 50 years ahead; 29 February on a Sunday is at most 40 away
    except (CronSimError, StopIteration):
        raise ValueError(f"`{text}` never comes: its months have no such day; write another day") from None
    if _least_minutes(cron) < LEAST_MINUTES:
        raise ValueError(
            f"`{text}` comes more often than every {LEAST_MINUTES} minutes; "
            f"write `*/{LEAST_MINUTES} * * * *`, or less often"
        )
    return Cron(cron=" ".join(fields))


def _check_field(text: str, number: int, field: str) -> None:
    name, values = _FIELDS[number]
    for item in field.split(","):
        if _EXTENSION.fullmatch(item) is not None:
            raise ValueError(
                f"`{text}`: `{item}` is not read alike everywhere; "
                "write words: `last day 10:00`, `second tuesday 10:00`"
            )
        if not _is_read(number, item):
            raise ValueError(
                f"`{text}`: `{item}` cannot be {name}; write `*`, numbers of `{values}`, a list, "
                f"a range that goes up, or a step such as `*/2`"
            )


def _is_read(number: int, item: str) -> bool:
    if _ITEM.fullmatch(item) is None:
        return False
    alone = ["*"] * len(_FIELDS)
    alone[number] = item
    try:
        CronSim(" ".join(alone), _ANY_DAY)
    except CronSimError:
        return False
    return True


def _least_minutes(cron: CronSim) -> int:
    """Return the shortest distance of two times, as if every day were one of the expression's."""
    times = sorted(hour * 60 + minute for hour in cron.hours for minute in cron.minutes)
    return min(second - first for first, second in pairwise([*times, times[0] + 24 * 60]))
