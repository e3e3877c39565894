"""Values of record fields: strict from programs, forgiving from cells of a file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from leadloop.language.plan import FieldSpec
from leadloop.leads.names import clean_text
from leadloop.leads.values import (
    LONG_TEXT_LIMIT,
    ValueProblemError,
    instant_of,
    is_day_or_month,
    read_declared,
)

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_LISTED = 12


def read_value(value: object, spec: FieldSpec) -> Any:
    """Return a value of a program as it is stored. Raises `ValueProblemError`; it repeats no value.

    Days and months stay ISO 8601 text (`2027-04-05`, `2027-04`); instants need a zone and are stored
    in UTC, so that the same instant is the same text.
    """
    match spec.type:
        case "int":
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
                return value
            raise ValueProblemError("not a whole number")
        case "bool":
            if isinstance(value, bool):
                return value
            raise ValueProblemError("neither true nor false")
        case "text":
            if isinstance(value, str) and len(value) <= LONG_TEXT_LIMIT and "\x00" not in value:
                return value
            raise ValueProblemError(f"not a text of at most {LONG_TEXT_LIMIT:,} characters")
        case "enum":
            if isinstance(value, str) and value in spec.values:
                return value
            raise ValueProblemError(
                f"not one of its values; {nearest_name(str(value), spec.values)}"
                if isinstance(value, str)
                else "not a text"
            )
        case "date":
            return _read_day(value)
        case "datetime":
            return _read_instant(value)


def read_cell(text: str, spec: FieldSpec) -> Any:
    """Return a cell of a file as a value that `read_value` accepts. Raises `ValueProblemError`.

    Dates may be written as people do (`2027年4月5日`); a month stays a month.
    """
    cleaned = clean_text(text)
    if spec.type == "date" and _MONTH.fullmatch(cleaned):
        return cleaned
    return read_declared(text, spec)


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return the hint that follows an unknown name: the nearest one, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(clean_text(name[:100]).casefold(), names, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    if not names:
        return "none is declared"
    more = ", …" if len(names) > _LISTED else ""
    return "known: " + ", ".join(f"`{one}`" for one in names[:_LISTED]) + more


def _read_day(value: object) -> str:
    if isinstance(value, str) and is_day_or_month(value):
        return value
    raise ValueProblemError("not a date; examples are 2027-04-05 and 2027-04")


def _read_instant(value: object) -> str:
    instant = instant_of(value) if isinstance(value, str) else None
    if instant is None:
        raise ValueProblemError("not a time with a zone; an example is 2027-04-05T10:00:00+09:00")
    return instant.isoformat()
