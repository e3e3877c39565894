"""What a day, a time of day or a weekday that cannot be read was probably meant to be."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, time

from leadloop.language.suggest import nearest

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ORDER = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}

_DAYS_JA = "月火水木金土日"
_WEEKDAY_JA = re.compile(f"[{_DAYS_JA}](?:曜日?)?")
_TIME = re.compile(r"(午前|午後)?(\d{1,2})(?::(\d\d)|時(?:(\d{1,2})分|(半))?)? ?(am|pm)?")
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_MONTH_DAY = re.compile(r"(?:毎月)?(\d{1,2})日")
_NTH_JA = re.compile(r"第(\d)(.+)")


def time_meant(text: str) -> str | None:
    """Return `17:00` of `17時`, `9:00`, `午後5時` or `5pm`; None where no time of day is in it."""
    found = _TIME.fullmatch(_plain(text))
    if found is None:
        return None
    hour, minute = int(found[2]), int(found[3] or found[4] or (30 if found[5] else 0))
    if (found[1] == "午後" or found[6] == "pm") and hour < 12:
        hour += 12
    return time(hour, minute).isoformat("minutes") if hour < 24 and minute < 60 else None


def day_meant(text: str) -> str | None:
    """Return `2027-04-01` of `2027/4/1` or `2027年4月1日`; None where no day is in it."""
    found = _DAY.fullmatch(_plain(text))
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).isoformat() if found else None
    except ValueError:
        return None


def weekday_meant(text: str) -> str | None:
    """Return `monday` of `mon`, `月曜` or `mondey`; None where no weekday is near."""
    plain = _plain(text)
    if _WEEKDAY_JA.fullmatch(plain):
        return WEEKDAYS[_DAYS_JA.index(plain[0])]
    short = [day for day in WEEKDAYS if len(plain) >= 3 and day.startswith(plain)]
    return short[0] if short else nearest(plain, WEEKDAYS)


def recurring_day_meant(words: list[str]) -> str | None:
    """Return the day of a recurring time without its time: `second tuesday` of `第2火曜日` or `2nd tue`."""
    plain = [_plain(word) for word in words]
    text = "".join(plain)
    if text in ("毎日", "everyday", "day"):
        return "daily"
    if text in ("月末", "毎月末", "末日"):
        return "last day"
    if (found := _MONTH_DAY.fullmatch(text)) and 1 <= int(found[1]) <= 31:
        return f"day {int(found[1])}"
    if (found := _NTH_JA.fullmatch(text)) and (day := weekday_meant(found[2])):
        order = next((name for name, nth in ORDER.items() if nth == int(found[1])), None)
        return f"{order} {day}" if order else None
    if len(plain) == 1:
        return weekday_meant(plain[0].removeprefix("毎週")) or nearest(plain[0], ("daily",))
    if len(plain) != 2:
        return None
    numbered = re.fullmatch(r"([1-5])(?:st|nd|rd|th)", plain[0])
    first = list(ORDER)[int(numbered[1]) - 1] if numbered else nearest(plain[0], ORDER)
    day = weekday_meant(plain[1])
    if plain[0] == "every":
        return "daily" if plain[1] == "day" else day
    return f"{first} {day}" if first and day else None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text[:60]).strip().lower()
