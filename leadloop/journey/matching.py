"""Does an event match what a file says? Used by scoring rules, entries, exits and waits alike. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from leadloop.conditions import EvaluationError, Facts, FactValue, evaluate
from leadloop.language.plan import EventMatch, Matcher, PropertyMatch, StageMatch


class EventLike(Protocol):
    """A past fact: stored, or of a simulation."""

    @property
    def type(self) -> str: ...

    @property
    def properties(self) -> Mapping[str, Any]: ...


def event_matches(match: EventMatch, event: EventLike, facts: Facts) -> bool:
    """Compare type, properties and condition. `of` is the caller's: it knows the messages."""
    if match.event != event.type:
        return False
    if not all(property_matches(wanted, event.properties) for wanted in match.properties):
        return False
    if match.where is None:
        return True
    return is_true(match.where, {**facts, **event_facts(event.properties)})


def matches(match: Matcher, event: EventLike, facts: Facts) -> bool:
    """Compare any matcher with an event; a condition on the lead is looked at as it is now."""
    if isinstance(match, EventMatch):
        return event_matches(match, event, facts)
    if isinstance(match, StageMatch):
        return event.type == "stage_changed" and event.properties.get("to") in match.stages
    return is_true(match.when, facts)


def is_true(expression: Any, facts: Facts) -> bool:
    """Evaluate a condition where unknown, and an evaluation error, are not true."""
    try:
        return evaluate(expression, facts).truth is True
    except EvaluationError:
        return False


def property_matches(wanted: PropertyMatch, properties: Mapping[str, Any]) -> bool:
    """Compare one property: one of the values, or text with the prefix."""
    value = properties.get(wanted.name)
    if wanted.prefix is not None:
        return isinstance(value, str) and value.startswith(wanted.prefix)
    return value is not None and value in wanted.values


def event_facts(properties: Mapping[str, Any], prefix: str = "event.") -> dict[str, FactValue]:
    """Return an event's properties as facts."""
    return {f"{prefix}{name}": value for name, value in properties.items() if value is not None}
