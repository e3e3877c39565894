"""Does an event match what a file says? Used by scoring rules, entries, exits and waits alike. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

import structlog

from leadloop.conditions import EvaluationError, Facts, FactValue, evaluate
from leadloop.journey.walk import failed_words
from leadloop.language.plan import EventMatch, Expression, Matcher, PropertyMatch, StageMatch

Ask = Callable[[Expression, Facts], bool]
"""How a condition is asked: `is_true`, or `must_be_true` where a failure must not pass for `no`."""

_log = structlog.get_logger()


class EventLike(Protocol):
    """A past fact: stored, or of a simulation."""

    @property
    def type(self) -> str: ...

    @property
    def properties(self) -> Mapping[str, Any]: ...


def is_true(expression: Expression, facts: Facts) -> bool:
    """Evaluate a condition where unknown, and an evaluation error, are not true; an error is logged once."""
    try:
        return evaluate(expression, facts).truth is True
    except EvaluationError as error:
        _log_once(str(error))
        return False


def must_be_true(expression: Expression, facts: Facts) -> bool:
    """Evaluate a condition where unknown is not true.

    Raises `EvaluationError` with the expression and its values, without personal ones.
    """
    try:
        return evaluate(expression, facts).truth is True
    except EvaluationError as error:
        raise EvaluationError(failed_words(expression, facts, error)) from error


def event_matches(match: EventMatch, event: EventLike, facts: Facts, ask: Ask = is_true) -> bool:
    """Compare type, properties and condition. `of` is the caller's: it knows the messages."""
    if match.event != event.type:
        return False
    if not all(property_matches(wanted, event.properties) for wanted in match.properties):
        return False
    if match.where is None:
        return True
    return ask(match.where, {**facts, **event_facts(event.properties)})


def matches(match: Matcher, event: EventLike, facts: Facts, ask: Ask = is_true) -> bool:
    """Compare any matcher with an event; a condition on the lead is looked at as it is now."""
    if isinstance(match, EventMatch):
        return event_matches(match, event, facts, ask)
    if isinstance(match, StageMatch):
        return event.type == "stage_changed" and event.properties.get("to") in match.stages
    return ask(match.when, facts)


def property_matches(wanted: PropertyMatch, properties: Mapping[str, Any]) -> bool:
    """Compare one property: one of the values, or text with the prefix."""
    value = properties.get(wanted.name)
    if wanted.prefix is not None:
        return isinstance(value, str) and value.startswith(wanted.prefix)
    return value is not None and value in wanted.values


def event_facts(properties: Mapping[str, Any], prefix: str = "event.") -> dict[str, FactValue]:
    """Return an event's properties as facts."""
    return {f"{prefix}{name}": value for name, value in properties.items() if value is not None}


@lru_cache(maxsize=1024)
def _log_once(problem: str) -> None:
    # The text names the expression and the kind of failure, never a value.
    _log.warning("condition_failed", problem=problem)
