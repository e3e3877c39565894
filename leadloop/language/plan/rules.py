"""Compiled scoring, lifecycle, streams and segments."""

from __future__ import annotations

from datetime import date
from typing import Literal

from leadloop.language.plan.base import PlanModel, Span
from leadloop.language.plan.matchers import EventMatch, Expression


class AtMost(PlanModel):
    """At most `count` matches count per day (lead's zone), per message, or per span."""

    count: int
    per: Literal["day", "message"] | Span


class Every(PlanModel):
    """Only every `times`-th match within the span counts."""

    times: int
    within: Span


class ScoreRule(PlanModel):
    id: str
    match: EventMatch
    points: int
    at_most: AtMost | None = None
    every: Every | None = None


class ScoreAttribute(PlanModel):
    id: str
    when: Expression
    points: int


class ScoreModel(PlanModel):
    rules: tuple[ScoreRule, ...] = ()
    attributes: tuple[ScoreAttribute, ...] = ()
    trust: Literal["verified", "likely", "any"] = "likely"
    half_life: Span | None = None
    cap: int | None = None


class Bands(PlanModel):
    """Levels from high to low: (name, lower limit). A band is left downwards `hysteresis` below."""

    levels: tuple[tuple[str, int], ...]
    hysteresis: int = 0


class Scoring(PlanModel):
    models: dict[str, ScoreModel] = {}
    bands: dict[str, Bands] = {}


class Transition(PlanModel):
    id: str
    source: tuple[str, ...] | None = None
    """Stages it starts from; None means any."""
    to: str
    event: EventMatch | None = None
    when: Expression | None = None


class Lifecycle(PlanModel):
    stages: tuple[str, ...] = ("lead",)
    transitions: tuple[Transition, ...] = ()


class StreamItem(PlanModel):
    template: str
    when: Expression | None = None
    from_day: date | None = None
    until_day: date | None = None


class Stream(PlanModel):
    order: Literal["listed", "newest"] = "listed"
    items: tuple[StreamItem, ...]


class Segment(PlanModel):
    """A named group of leads: all of whom the condition is true, at any time."""

    title: str = ""
    when: Expression
