"""The model's records: things that journeys run for, one journey per lead and record."""

from __future__ import annotations

from datetime import datetime, tzinfo

from leadloop.conditions import FactValue
from leadloop.language import plan as p
from tests.model.lead import Fact


def record_of(plan: p.Plan, fact: Fact, workspace: p.Workspace) -> str | None:
    """Return the key of the record that a fact names for a scenario: empty for one that could and does
    not, None for one that cannot, and for a scenario that runs for no record."""
    if plan.per == "lead":
        return None
    if fact.type == "record_changed":
        return str(fact.properties["key"]) if fact.properties["record"] == plan.per else None
    declared = workspace.events.get(fact.type, {})
    names = [name for name, spec in declared.items() if spec.record == plan.per]
    found = [str(fact.properties[name]) for name in names if fact.properties.get(name)]
    return found[0] if found else "" if names else None


def concerns(plan: p.Plan, record: str, fact: Fact, workspace: p.Workspace) -> bool:
    """Return whether a fact counts for a journey: it cannot name a record of the kind, or names its own."""
    return record_of(plan, fact, workspace) in (None, record)


def record_facts(
    plan: p.Plan, record: str, known: dict[str, dict[str, str]], zone: tzinfo
) -> dict[str, FactValue]:
    """Return what conditions and waits read of a journey's record, as it is now."""
    if not record:
        return {}
    facts: dict[str, FactValue] = {f"run.{plan.per}.key": record}
    for name, value in known.get(record, {}).items():
        facts[f"run.{plan.per}.{name}"] = datetime.fromisoformat(value)
    return facts
