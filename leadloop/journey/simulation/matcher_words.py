"""Words for what conditions, matchers and entries ask: `email_clicked of thanks`, `inactive 90 days`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from leadloop.language.plan import (
    Armed,
    ChangeMatch,
    Cron,
    DateMatch,
    Did,
    Entry,
    EventMatch,
    Expression,
    InactiveMatch,
    ManualMatch,
    Schedule,
    ScheduleMatch,
    SegmentMatch,
    Span,
    StageMatch,
    Target,
    WhenMatch,
)

_DID = re.compile(r"\bdid\.[0-9a-z_]+")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ORDER = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}


def describe_match(match: Armed) -> str:
    """Return a matcher in words: `email_clicked of thanks`, `page_viewed path /pricing*`."""
    if isinstance(match, StageMatch):
        return "stage " + "/".join(match.stages)
    if isinstance(match, WhenMatch):
        return describe_condition(match.when)
    if isinstance(match, ChangeMatch):
        return f"{match.fact} is another"
    parts = [match.event]
    for one in match.properties:
        value = "/".join(map(str, one.values)) if one.values else f"{one.prefix}*"
        parts.append(f"{one.name} {value}")
    if match.of:
        parts.append("of " + "/".join(match.of))
    if match.where is not None:
        parts.append(f"where {describe_condition(match.where)}")
    return " ".join(parts)


def describe_condition(condition: Expression) -> str:
    """Return a condition as it is written, its questions about the past in words."""

    def question(found: re.Match[str]) -> str:
        asked = condition.did.get(found[0])
        return f"({describe_did(asked)})" if asked is not None else found[0]

    return _DID.sub(question, condition.source)


def describe_did(question: Did) -> str:
    """Return a question about the past: `did page_viewed 2 times within 30 days`."""
    parts = [f"did {describe_match(question.match)}"]
    if question.distinct is not None:
        parts.append(f"with {question.at_least} different {question.distinct}")
    elif question.at_least > 1:
        parts.append(f"{question.at_least} times")
    if question.within is not None:
        parts.append(f"within {describe_span(question.within)}")
    if question.since is not None:
        parts.append(f"since {question.since}")
    return " ".join(parts)


def describe_span(span: Span) -> str:
    """Return a length of time: `3 business days`, `1 day`; without its sign."""
    amount = abs(span.amount)
    unit = span.unit.replace("_", " ")
    return f"{amount} {unit.removesuffix('s') if amount == 1 else unit}"


def describe_entry(entry: Entry) -> str:
    """Return how an entry is made: `event form_submitted form whitepaper`, `by hand`."""
    match = entry.match
    if isinstance(match, SegmentMatch):
        return f"segment {match.segment}"
    if isinstance(match, InactiveMatch):
        return f"inactive {describe_span(match.after)}"
    if isinstance(match, DateMatch):
        return f"date {_offset(match)}{match.fact} at {match.at}"
    if isinstance(match, ScheduleMatch):
        segment = f" of the segment {match.segment}" if match.segment else ""
        return f"schedule {describe_schedule(match)}{segment}"
    if isinstance(match, ManualMatch):
        return "by hand"
    return f"event {describe_match(match)}" if isinstance(match, EventMatch) else describe_match(match)


def describe_schedule(match: ScheduleMatch) -> str:
    """Return a recurring time as it is written, and its zone: `second tuesday 10:00 in Asia/Tokyo`."""
    schedule = match.schedule
    words = f"cron {schedule.cron}" if isinstance(schedule, Cron) else _recurring(schedule)
    return f"{words} in {match.zone}" if match.zone else words


def describe_target(target: Target) -> str:
    """Return where a journey goes: a step, or its exit."""
    return target.step if target.step is not None else f"exit {target.exit}"


def questions_of(shape: object) -> dict[str, Did]:
    """Return the questions about the past in compiled shapes, however deep they are, by their names."""
    found: dict[str, Did] = {}
    if isinstance(shape, Expression):
        found.update(shape.did)
    children: list[Any] = []
    if isinstance(shape, BaseModel):
        children = [getattr(shape, name) for name in type(shape).model_fields]
    elif isinstance(shape, Mapping):
        children = list(shape.values())
    elif isinstance(shape, tuple | list):
        children = list(shape)
    for child in children:
        found.update(questions_of(child))
    return found


def _offset(match: DateMatch) -> str:
    if match.offset is None:
        return ""
    return f"{describe_span(match.offset)} {'before' if match.offset.amount < 0 else 'after'} "


def _recurring(schedule: Schedule) -> str:
    if schedule.every == "day":
        return f"daily {schedule.at}"
    if schedule.weekday is not None:
        order = f"{_ORDER[schedule.nth]} " if schedule.nth is not None else ""
        return f"{order}{_WEEKDAYS[schedule.weekday]} {schedule.at}"
    if schedule.nth == -1:
        return f"last day {schedule.at}"
    return f"day {schedule.day or schedule.nth} {schedule.at}"
