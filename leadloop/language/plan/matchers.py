"""Compiled conditions and matchers: what is asked of a lead, its past, and an event."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from leadloop.language.plan.base import FactType, PlanModel, Span, Value


class Expression(PlanModel):
    """A CEL condition with the facts it reads (dotted name -> type).

    Condition maps compile to it too: `{segment: x}` is `"x" in lead.segments`, `all`, `any` and `not`
    are `&&`, `||` and `!`, and each `{did: …}` is a name in `did`, true or false when evaluated.
    """

    source: str
    variables: dict[str, FactType] = {}
    did: dict[str, Did] = {}
    """Name in `source` (`did.a1b2c3d4`) -> the question about the past it stands for."""


class PropertyMatch(PlanModel):
    """One property of an event: one of `values`, or text that starts with `prefix`."""

    name: str
    values: tuple[Value, ...] = ()
    prefix: str | None = None


class EventMatch(PlanModel):
    """Matches an event by type, properties, the send it belongs to, and a condition."""

    kind: Literal["event"] = "event"
    event: str
    properties: tuple[PropertyMatch, ...] = ()
    of: tuple[str, ...] = ()
    """Step ids of sends: the event must belong to one of their messages."""
    where: Expression | None = None


class Did(PlanModel):
    """`{did: EVENT, …}`: did the lead do this, often enough, in this time?"""

    match: EventMatch
    within: Span | None = None
    """Counted back from now; a day is a calendar day in the lead's zone."""
    since: str | None = None
    """`entry`, or a step id: events after the journey's entry, or its last arrival at the step."""
    at_least: int = 1
    distinct: str | None = None
    """Count different values of this property, not events."""


class StageMatch(PlanModel):
    """Matches when the lead moves to one of the stages."""

    kind: Literal["stage"] = "stage"
    stages: tuple[str, ...]


class WhenMatch(PlanModel):
    """Matches when a condition on the lead is true; looked at again when the lead changes."""

    kind: Literal["when"] = "when"
    when: Expression


class ChangeMatch(PlanModel):
    """Matches when a date that a wait counts from is no longer what it was. The engine's own."""

    kind: Literal["change"] = "change"
    fact: str
    seen: str | None = None


Matcher = Annotated[EventMatch | StageMatch | WhenMatch, Field(discriminator="kind")]
"""What an author may write in `await`, `goal`, `exit_when` and `bypass`."""

Armed = Annotated[EventMatch | StageMatch | WhenMatch | ChangeMatch, Field(discriminator="kind")]
"""What a waiting step may arm."""

Expression.model_rebuild()
