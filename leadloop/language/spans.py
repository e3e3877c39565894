"""Lengths and times as authors write them: `3 business days`, `2 per 7 days`, `mon-fri`, `09:00`.

Every function takes text and raises `ValueError` that says what to write.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import NamedTuple, cast

from leadloop.language.meant import WEEKDAYS, day_meant, time_meant, weekday_meant
from leadloop.language.plan import AtMost, Every, Frequency, Span, Unit, Until
from leadloop.language.suggest import nearest

UNITS = ("second", "minute", "hour", "day", "week", "month")
BUSINESS_UNITS = ("minute", "hour", "day")

_SHORT = {
    "s": "second",
    "m": "minute",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "秒": "second",
    "分": "minute",
    "時間": "hour",
    "日": "day",
    "週間": "week",
    "か月": "month",
    "ヶ月": "month",
    "カ月": "month",
    "営業日": "business day",
    "営業時間": "business hour",
}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2_678_400}
_LONGEST = 3660 * 86400
_SPAN = re.compile(r"(\d{1,12}) (business )?([a-z]+)", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_FACT = re.compile(r"([a-z]\w*(?:\.\w+)+)(?:\s*([+-])\s*(\S.*))?", re.ASCII)
_DASHED = re.compile(r"(run\.)([A-Za-z]\w*(?:-\w+)+)(\.\w+.*)", re.ASCII)
_MONTH_DAY = re.compile(r"(\d\d)-(\d\d)", re.ASCII)


def parse_span(text: str) -> Span:
    """Return the span of a text such as `3 days`, `4 business hours` or `1 month`."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is not a length of time; {_example(text)}")
    unit = found[3].removesuffix("s") if found[3] != "s" else "s"
    business = found[2] is not None
    units = BUSINESS_UNITS if business else UNITS
    if unit not in units:
        near = nearest(unit, units)
        kinds = ", ".join(f"{'business ' if business else ''}{one}s" for one in units)
        raise ValueError(
            f"`{text}` has no unit of time; "
            + (_written(found[1], near, business) if near else f"write one of: {kinds}")
        )
    amount = int(found[1])
    if amount * _SECONDS[unit] > _LONGEST:
        raise ValueError(f"`{text}` is longer than ten years; write a shorter one")
    return Span(amount=amount, unit=cast(Unit, f"business_{unit}s" if business else f"{unit}s"))


def _written(amount: str, unit: str, business: bool = False) -> str:
    plural = "" if int(amount) == 1 else "s"
    return f"write `{amount} {'business ' if business else ''}{unit}{plural}`"


def _example(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).strip()
    found = re.fullmatch(r"(\d{1,9})\s*(?:([A-Za-z]+)[ _-]+)?([^\s\d]+)", plain)
    if found is not None and (found[2] is None or nearest(found[2], ("business",))):
        name = found[3].removesuffix("後")
        unit = _SHORT.get(name) or nearest(name.lower().removesuffix("s"), UNITS)
        if unit is not None:
            return _written(found[1], unit, found[2] is not None)
    if re.match(r"\d+[.,]\d", plain):
        return "use a smaller unit: `36 hours`, not `1.5 days`"
    if plain.startswith("-"):
        return "it cannot be negative"
    return "write a whole number and a unit: `3 days`, `4 business hours`"


def parse_time(text: str) -> str:
    """Return `HH:MM` of a text that is one."""
    if _TIME.fullmatch(text) is None:
        raise ValueError(f"`{text}` is not a time of day; write `{time_meant(text) or '09:00'}`")
    return text


def parse_day(text: str) -> date:
    """Return the date of `2027-04-01`."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise ValueError(f"`{text}` is not a date; write `{day_meant(text) or '2027-04-01'}`")


class UntilText(NamedTuple):
    """A parsed `until:`, and the time of day that was written in it."""

    until: Until
    at: str | None


def parse_until(text: str) -> UntilText:
    """Return `monday 09:00`, `2027-04-01 10:00` or `run.entry.revisit_on - 1 day`, parsed."""
    words = text.split()
    if words and words[0].lower() in WEEKDAYS and len(words) <= 2:
        at = parse_time(words[1]) if len(words) == 2 else None
        return UntilText(Until(weekday=WEEKDAYS.index(words[0].lower())), at)
    if words and words[0][:1].isdigit() and len(words) <= 2:
        on = parse_day(words[0])
        return UntilText(Until(on=on), parse_time(words[1]) if len(words) == 2 else None)
    found = _FACT.fullmatch(text)
    dashed = _DASHED.match(text)
    if dashed is not None:
        raise ValueError(f"`{text}`: in a name of a fact a `-` is a `_`; write `{_underscored(dashed)}`")
    if found is None:
        if words and len(words) <= 2 and (day := weekday_meant(words[0])):
            at = "".join(f" {time_meant(word) or '09:00'}" for word in words[1:])
            instead = f"{day}{at}"
            raise ValueError(f"`{text}` names no moment; write `{instead}`")
        raise ValueError(
            f"`{text}` names no moment; write `monday 09:00`, `2027-04-01`, or a date of the lead or "
            "the entry event such as `run.entry.revisit_on - 1 day`"
        )
    offset = None
    if found[2]:
        span = parse_span(found[3])
        offset = span if found[2] == "+" else Span(amount=-span.amount, unit=span.unit)
    return UntilText(Until(fact=found[1], offset=offset), None)


def _underscored(found: re.Match[str]) -> str:
    return found[1] + found[2].replace("-", "_") + found[3]


def _per(text: str) -> Span:
    """Return the span of `7 days`, `day` or `hour`: a period to count in, which knows no calendar."""
    span = parse_span(f"1 {text}" if text in UNITS else text)
    if span.amount == 0:
        raise ValueError("a length of zero; write at least `1 day`")
    if span.unit.startswith("business"):
        raise ValueError(f"`{text}`: no calendar counts here; write hours, days or weeks: `7 days`")
    return span


def parse_at_most(text: str) -> AtMost:
    """Return `1 per day`, `1 per message` or `3 per 7 days`, parsed."""
    found = re.fullmatch(r"([1-9]\d{0,5}) per (.+)", text)
    if found is None:
        raise ValueError(f"`{text}` is not a limit; write `1 per day`, `1 per message` or `3 per 7 days`")
    if found[2] == "message" or found[2] == "day":
        return AtMost(count=int(found[1]), per="day" if found[2] == "day" else "message")
    return AtMost(count=int(found[1]), per=_per(found[2]))


def parse_every(text: str) -> Every:
    """Return `3 times within 30 days`, parsed."""
    found = re.fullmatch(r"([1-9]\d{0,5}) times? within (.+)", text)
    if found is None:
        raise ValueError(f"`{text}` is not understood; write `3 times within 30 days`")
    return Every(times=int(found[1]), within=_per(found[2]))


def parse_frequency(text: str) -> Frequency:
    """Return `2 per 7 days`, parsed."""
    found = re.fullmatch(r"([1-9]\d{0,5}) per (.+)", text)
    if found is None:
        raise ValueError(f"`{text}` is not a limit; write `2 per 7 days`")
    return Frequency(count=int(found[1]), per=_per(found[2]))


def parse_closed(text: str) -> tuple[str, str]:
    """Return (first, last) `MM-DD` of `12-29..01-03` or of one day `05-01`."""
    first, _, last = text.partition("..")
    for one in (first, last or first):
        found = _MONTH_DAY.fullmatch(one)
        try:
            date(2024, int(found[1]), int(found[2])) if found else date.fromisoformat("")
        except ValueError:
            raise ValueError(f"`{text}` is not a range of days; write `12-29..01-03`") from None
    return first, last or first


def parse_weekdays(text: str) -> tuple[int, ...]:
    """Return the weekdays of `mon-fri` or `sat`; 0 is Monday."""
    names = [day[:3] for day in WEEKDAYS]
    first, _, last = text.partition("-")
    if first not in names or (last or first) not in names or names.index(first) > names.index(last or first):
        raise ValueError(f"`{text}` is not a range of weekdays; write `mon-fri` or `sat`")
    return tuple(range(names.index(first), names.index(last or first) + 1))


def parse_hours(text: str) -> tuple[str, str]:
    """Return (opens, closes) of `09:00-18:00`."""
    opens, _, closes = text.partition("-")
    if not (_TIME.fullmatch(opens) and (_TIME.fullmatch(closes) or closes == "24:00") and opens < closes):
        raise ValueError(f"`{text}` are no opening hours; write `09:00-18:00`")
    return opens, closes
