"""From what people type to the values of lead fields, by the field's declared type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.language.plan import FieldSpec
from leadloop.leads.addresses import AddressError, normalise_email, normalise_phone
from leadloop.leads.names import clean_text

TEXT_LIMIT = 200
LONG_TEXT_LIMIT = 2000

_BOOLS = {
    **dict.fromkeys(("true", "yes", "y", "1", "on", "はい", "有", "あり", "済", "○", "〇", "◯"), True),
    **dict.fromkeys(("false", "no", "n", "0", "off", "いいえ", "無", "なし", "未", "×"), False),
}
_INT = re.compile(r"([+-]?\d{1,15})(?:\.0+)?(?:名|人|円|年|台|件|社|employees)?")
_DATE = re.compile(r"(\d{4})(?:[-/.]|年 ?)(\d{1,2})(?:(?:[-/.]|月 ?)(\d{1,2})日?|月)?")
_DAY_OR_MONTH = re.compile(r"\d{4}-\d{2}(-\d{2})?", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")


class ValueProblemError(ValueError):
    """A value that doesn't fit its field. The message never repeats the value."""


def read_email(value: object) -> str:
    """Read a mail address. Raises `ValueProblemError`."""
    try:
        return normalise_email(str(value))
    except AddressError as error:
        raise ValueProblemError(str(error)) from None


def read_text(value: object) -> str:
    """Read one line of text of at most 200 characters. Raises `ValueProblemError`."""
    return _read_limited(value, TEXT_LIMIT)


def read_phone(value: object) -> str:
    """Read a phone number as digits. Raises `ValueProblemError`."""
    phone = normalise_phone(str(value))
    if phone is None:
        raise ValueProblemError("not a phone number")
    return phone


def read_country(value: object) -> str:
    """Read a country; a two-letter code (ISO 3166-1) in capitals. Raises `ValueProblemError`."""
    text = read_text(value)
    return text.upper() if len(text) == 2 and text.isascii() else text


def read_timezone(value: object) -> str:
    """Read the name of a time zone (IANA). Raises `ValueProblemError`."""
    text = read_text(value)
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        raise ValueProblemError("not a time zone; an example is Asia/Tokyo") from None
    return text


def read_locale(value: object) -> str:
    """Read a language tag (BCP 47), for example `ja`. Raises `ValueProblemError`."""
    text = read_text(value).replace("_", "-")
    if not _LOCALE.fullmatch(text):
        raise ValueProblemError("not a language tag; examples are ja and en-GB")
    return text


def read_declared(value: object, spec: FieldSpec) -> Any:
    """Read a value of the workspace's own `lead_fields`, as it is stored in JSON.

    Dates and instants become ISO 8601 text; a month means its first day. Raises `ValueProblemError`.
    """
    return _READERS[spec.type](value, spec)


def instant_of(text: str) -> datetime | None:
    """Return an instant (ISO 8601, with a zone) in UTC; None where it is none, or has no year there."""
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def is_day_or_month(text: str) -> bool:
    """Return whether a text is a date as programs write it: `2027-04-05`, or the month `2027-04`."""
    try:
        return _DAY_OR_MONTH.fullmatch(text) is not None and bool(date.fromisoformat(f"{text}-01"[:10]))
    except ValueError:
        return False


def is_empty(value: object) -> bool:
    """Return whether a value says nothing: None, or nothing but space."""
    return value is None or (isinstance(value, str) and not clean_text(value))


def _read_limited(value: object, limit: int) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueProblemError("not a text")
    text = clean_text(str(value))
    if len(text) > limit:
        raise ValueProblemError(f"longer than {limit} characters")
    return text


def _read_long_text(value: object, spec: FieldSpec) -> str:
    return _read_limited(value, LONG_TEXT_LIMIT)


def _read_int(value: object, spec: FieldSpec) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**15:
        return value
    text = read_text(value).replace(",", "").replace(" ", "")
    found = _INT.fullmatch(text)
    if found is None:
        raise ValueProblemError("not a whole number")
    return int(found[1])


def _read_bool(value: object, spec: FieldSpec) -> bool:
    if isinstance(value, bool):
        return value
    truth = _BOOLS.get(read_text(value).casefold())
    if truth is None:
        raise ValueProblemError("neither yes nor no")
    return truth


def _read_date(value: object, spec: FieldSpec) -> str:
    if isinstance(value, date):
        return (value.date() if isinstance(value, datetime) else value).isoformat()
    text = read_text(value)
    found = _DATE.fullmatch(text.split("T")[0])
    try:
        if found is None:
            raise ValueError
        return date(int(found[1]), int(found[2]), int(found[3] or 1)).isoformat()
    except ValueError:
        raise ValueProblemError("not a date; an example is 2027-04-05") from None


def _read_datetime(value: object, spec: FieldSpec) -> str:
    text = value.isoformat() if isinstance(value, datetime) else read_text(value)
    if instant_of(text) is None:
        raise ValueProblemError("not a time with a zone; an example is 2027-04-05T10:00:00+09:00")
    return datetime.fromisoformat(text).isoformat()


def _read_enum(value: object, spec: FieldSpec) -> str:
    text = read_text(value).casefold()
    for allowed in spec.values:
        if clean_text(allowed).casefold() == text:
            return allowed
    raise ValueProblemError("not one of " + ", ".join(spec.values))


_READERS: Mapping[str, Callable[[object, FieldSpec], Any]] = {
    "text": _read_long_text,
    "int": _read_int,
    "bool": _read_bool,
    "date": _read_date,
    "datetime": _read_datetime,
    "enum": _read_enum,
}
