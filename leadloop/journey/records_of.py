"""Which record an event names, for journeys that run `per:` a record."""

from __future__ import annotations

from leadloop.journey.matching import EventLike
from leadloop.language.plan import Plan, Workspace

RECORD_CHANGED = "record_changed"
"""`record_changed {record, field, key}`: one field of a record has another value."""
NAMES_RECORD = ("entry_due", "enrol_requested")
"""The engine's own events that carry the key of the record to enter for, in `record`."""


def record_of(plan: Plan, event: EventLike, workspace: Workspace) -> str | None:
    """Return the key of the record that an event names for a plan; None where it names none."""
    names = _names(plan, event, workspace)
    for name in names:
        value = event.properties.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def concerns(plan: Plan, record_key: str, event: EventLike, workspace: Workspace) -> bool:
    """Return whether an event may count for a journey: it names no such record, or the journey's own.

    An event that could name a record of the kind and leaves it empty does not count.
    """
    names = _names(plan, event, workspace)
    return not names or record_of(plan, event, workspace) == record_key


def runs_for_record(plan: Plan) -> bool:
    """Return whether the plan's journeys run for a record: not for a lead, not for a company."""
    return plan.per not in ("lead", "company")


def _names(plan: Plan, event: EventLike, workspace: Workspace) -> list[str]:
    """Return the properties that hold a key of the plan's kind of record, in the declared order."""
    if not runs_for_record(plan):
        return []
    if event.type == RECORD_CHANGED:
        return ["key"] if event.properties.get("record") == plan.per else []
    if event.type in NAMES_RECORD:
        return ["record"] if event.properties.get("scenario") == plan.scenario else []
    declared = workspace.events.get(event.type, {})
    return [name for name, spec in declared.items() if spec.record == plan.per]
