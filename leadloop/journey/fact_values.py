"""Stored values as facts: typed and dotted for conditions, as text for waits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from leadloop.conditions import FactValue
from leadloop.language.plan import FieldSpec

DATE_RESULT = "date"
"""The result of a step that is a day, a month or an instant: what a task asked for."""

_DAY = len("2027-04-05")


def put_fact(facts: dict[str, FactValue], name: str, value: Any, zone: ZoneInfo) -> None:
    """Add a value under its dotted name. Empty values stay absent: an absent fact is unknown."""
    if value is None or value == "":
        return
    if isinstance(value, datetime):
        facts[name] = value.astimezone(UTC)
    elif isinstance(value, date):
        facts[name] = datetime.combine(value, time(), zone).astimezone(UTC)
    elif isinstance(value, bool | int | str):
        facts[name] = value


def put_stored(facts: dict[str, FactValue], name: str, value: Any, kind: str, zone: ZoneInfo) -> None:
    """Add a value as it is stored: dates and instants are ISO 8601 text, a month is its first day."""
    if not isinstance(value, str) or kind not in ("date", "datetime"):
        put_fact(facts, name, value, zone)
        return
    try:
        if kind == "datetime":
            put_fact(facts, name, datetime.fromisoformat(value), zone)
        else:
            put_fact(facts, name, date.fromisoformat(value if len(value) == _DAY else f"{value}-01"), zone)
    except (ValueError, OverflowError):  # no date of the declared kind, or before the year 1 in UTC: unknown
        return


def run_facts(
    properties: Mapping[str, Any],
    declared: Mapping[str, FieldSpec],
    entered_at: datetime,
    cycle: int,
    zone: ZoneInfo,
) -> dict[str, FactValue]:
    """Return the `run.*` facts: when and in which cycle it began, and the event that began it."""
    facts: dict[str, FactValue] = {"run.entered_at": entered_at, "run.cycle": cycle}
    for name, value in properties.items():
        spec = declared.get(name)
        put_stored(facts, f"run.entry.{name}", value, spec.type if spec else "text", zone)
    return facts


def date_facts(prefix: str, values: Mapping[str, Any], declared: Mapping[str, FieldSpec]) -> dict[str, str]:
    """Return the values that are days or months, as text: waits know a month's first open day."""
    return {
        f"{prefix}{name}": value
        for name, value in values.items()
        if name in declared and declared[name].type == "date" and isinstance(value, str)
    }


def result_facts(results: Mapping[str, Mapping[str, Any]], zone: ZoneInfo) -> dict[str, FactValue]:
    """Return `run.<step>.<result>` of all steps; a step's `-` is `_`, as conditions write it."""
    facts: dict[str, FactValue] = {}
    for step, values in results.items():
        for name, value in values.items():
            kind = _kind(name, value)
            put_stored(facts, result_name(step, name), value, kind, zone)
    return facts


def result_dates(results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the results that are days or months, as text."""
    return {
        result_name(step, name): str(value)
        for step, values in results.items()
        for name, value in values.items()
        if _kind(name, value) == "date"
    }


def result_name(step: str, name: str) -> str:
    """Return the dotted name of a step's result."""
    return f"run.{step.replace('-', '_')}.{name}"


def wait_text(value: object | None) -> str | None:
    """Return what a wait counts from as text, so that it can be compared later; None is unknown."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if value is not None else None


def _kind(name: str, value: Any) -> str:
    if name != DATE_RESULT or not isinstance(value, str):
        return "text"
    return "datetime" if len(value) > _DAY else "date"
