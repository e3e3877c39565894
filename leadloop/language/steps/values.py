"""Values that a step writes: a field of the lead, a property of an event."""

from __future__ import annotations

from datetime import datetime

from leadloop.language.diagnostics import Report
from leadloop.language.fields import boolean, choice, integer, parsed, text
from leadloop.language.nodes import Node
from leadloop.language.plan import FieldSpec, Value
from leadloop.language.spans import parse_day


def read_value(report: Report, node: Node, what: str, spec: FieldSpec) -> Value | None:
    """Return a value of the declared type; dates and moments as ISO 8601 text."""
    if spec.type == "int":
        return integer(report, node, what)
    if spec.type == "bool":
        return boolean(report, node, what)
    if spec.type == "enum":
        return choice(report, node, what, spec.values)
    if spec.type == "date":
        day = parsed(report, node, what, parse_day)
        return None if day is None else day.isoformat()
    if spec.type == "datetime":
        moment = parsed(report, node, what, parse_moment)
        return None if moment is None else moment.isoformat()
    return text(report, node, what)


def parse_moment(written: str) -> datetime:
    """Return an aware datetime of ISO 8601 text. Raises `ValueError` that says what to write."""
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"`{written}` is not a moment; write `2027-04-01T10:00:00+09:00`")
    return moment
