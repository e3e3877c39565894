"""Scenarios that get in each other's way: the same beginning, or the same people and topic."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, select

from leadloop.journey.simulation.matcher_words import describe_schedule
from leadloop.language.plan import (
    AwaitStep,
    DateMatch,
    EntryMatch,
    EventMatch,
    InactiveMatch,
    Plan,
    PlanModel,
    PropertyMatch,
    ScheduleMatch,
    SegmentMatch,
    SendStep,
    StageMatch,
    StreamStep,
    Target,
    WaitStep,
)
from leadloop.storage.tables import Enrolment, EnrolmentStatus

_WAITING = ("wait", "await", "hand_off", "recycle", "task", "webhook")


@dataclass(frozen=True)
class Conflict:
    """Two scenarios of which one is added or changed.

    `entry`: the same fact begins both. `open`: people are in both now, and both mail one topic.
    """

    kind: Literal["entry", "open"]
    scenario: str
    other: str
    topics: tuple[str, ...]
    """Topics that both mail: at once, for `entry`; in any of their steps, for `open`."""
    entry: str = ""
    """What begins both, for `entry`."""
    people: int = 0
    """Who is in both, for `open`."""


def entry_conflicts(plans: Mapping[str, Plan], changed: Collection[str]) -> list[Conflict]:
    """Return the pairs of scenarios that one event, stage, segment or time begins together.

    Scenarios of one group are left out: a lead is in at most one of them.
    """
    found = []
    for one, other in _pairs(plans, changed):
        shared = [
            (entry, second)
            for entry in one.entry
            for second in other.entry
            if _overlap(entry.match, second.match)
        ]
        if not shared:
            continue
        topics = {
            topic
            for entry, second in shared
            for topic in _topics_at_once(one, entry.start) & _topics_at_once(other, second.start)
        }
        words = ", ".join(dict.fromkeys(in_words(entry.match) for entry, _ in shared))
        found.append(Conflict("entry", one.scenario, other.scenario, tuple(sorted(topics)), words))
    return found


def open_conflicts(session: Session, plans: Mapping[str, Plan], changed: Collection[str]) -> list[Conflict]:
    """Return the pairs of scenarios that mail one topic and have the same people in them now."""
    first, second = aliased(Enrolment), aliased(Enrolment)
    rows = session.exec(
        select(first.scenario, second.scenario, func.count(func.distinct(first.lead_id)))
        .where(
            first.lead_id == second.lead_id,
            first.scenario < second.scenario,
            first.status != EnrolmentStatus.ENDED,
            second.status != EnrolmentStatus.ENDED,
        )
        .group_by(first.scenario, second.scenario)
    ).all()
    people = {(one, other): count for one, other, count in rows}
    return [
        Conflict("open", one.scenario, other.scenario, tuple(sorted(topics)), people=count)
        for one, other in _pairs(plans, changed)
        if (topics := _mailed(one) & _mailed(other))
        and (count := people.get((one.scenario, other.scenario), 0))
    ]


def in_words(match: EntryMatch) -> str:
    """Return an entry as an author would write it, on one line."""
    if isinstance(match, EventMatch):
        return " ".join([match.event, *(_property(one) for one in match.properties)])
    if isinstance(match, StageMatch):
        return "stage " + "/".join(match.stages)
    if isinstance(match, SegmentMatch):
        return f"segment {match.segment}"
    if isinstance(match, ScheduleMatch):
        return f"schedule {describe_schedule(match)} of {match.segment or 'everybody'}"
    if isinstance(match, DateMatch):
        return f"date {match.fact}"
    if isinstance(match, InactiveMatch):
        return f"inactive {match.after.amount} {match.after.unit.replace('_', ' ')}"
    return match.kind


def _pairs(plans: Mapping[str, Plan], changed: Collection[str]) -> list[tuple[Plan, Plan]]:
    return [
        (one, other)
        for one, other in combinations([plans[name] for name in sorted(plans)], 2)
        if (one.scenario in changed or other.scenario in changed)
        and (one.group is None or one.group != other.group)
    ]


def _overlap(one: EntryMatch, other: EntryMatch) -> bool:
    """Return whether the same fact may begin both."""
    if isinstance(one, EventMatch) and isinstance(other, EventMatch):
        return one.event == other.event and not _disjoint(one, other)
    if isinstance(one, StageMatch) and isinstance(other, StageMatch):
        return bool(set(one.stages) & set(other.stages))
    if isinstance(one, SegmentMatch | DateMatch | InactiveMatch | ScheduleMatch):
        return one == other
    return False


def _disjoint(one: EventMatch, other: EventMatch) -> bool:
    theirs = {wanted.name: wanted for wanted in other.properties}
    return any(
        wanted.name in theirs and not _may_agree(wanted, theirs[wanted.name]) for wanted in one.properties
    )


def _may_agree(one: PropertyMatch, other: PropertyMatch) -> bool:
    if one.prefix is not None and other.prefix is not None:
        return one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
    if one.prefix is not None:
        return any(str(value).startswith(one.prefix) for value in other.values)
    if other.prefix is not None:
        return any(str(value).startswith(other.prefix) for value in one.values)
    return bool(set(one.values) & set(other.values))


def _mailed(plan: Plan) -> set[str]:
    return {step.topic for step in plan.steps.values() if isinstance(step, SendStep | StreamStep)}


def _topics_at_once(plan: Plan, start: str | None) -> set[str]:
    """Return the topics of the mails that a journey may send before it first waits."""
    topics: set[str] = set()
    seen: set[str] = set()
    queue = [start or plan.first]
    while queue:
        step = plan.steps.get(queue.pop())
        if step is None or step.id in seen:
            continue
        seen.add(step.id)
        if isinstance(step, SendStep | StreamStep):
            topics.add(step.topic)
        elif not isinstance(step, WaitStep | AwaitStep) and step.kind not in _WAITING:
            queue += [target.step for target in _targets(step) if target.step is not None]
    return topics


def _targets(value: object) -> list[Target]:
    """Return every target in a step, nested ones too."""
    if isinstance(value, Target):
        return [value]
    if isinstance(value, dict):
        return [target for item in value.values() for target in _targets(item)]
    if isinstance(value, tuple | list):
        return [target for item in value for target in _targets(item)]
    if not isinstance(value, PlanModel):
        return []
    return [target for name in type(value).model_fields for target in _targets(getattr(value, name))]


def _property(one: PropertyMatch) -> str:
    return f"{one.name}={'/'.join(map(str, one.values)) if one.values else f'{one.prefix}*'}"
