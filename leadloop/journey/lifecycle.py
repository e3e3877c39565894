"""Lifecycle stages: which transition, if any, a lead makes now. Pure.

A `when` transition fires when its condition turns from false to true, not while it is true. A lead
in a recycle cool-down is left alone; `bypass` ends the cool-down first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from leadloop.conditions import Facts
from leadloop.journey.matching import EventLike, event_matches, is_true
from leadloop.language.plan import Lifecycle, Transition


class LeadLike(Protocol):
    """What transitions read and remember of a lead: stored, or of a simulation."""

    stage: str
    recycle_until: datetime | None
    transition_truth: dict[str, bool]


def allowed(lifecycle: Lifecycle, stage: str, to: str) -> bool:
    """Return whether a `stage` step may move a lead from one stage to another.

    Allowed is what some transition allows; a stage that no transition leads to has no rule.
    """
    if stage == to:
        return False
    leading = [item for item in lifecycle.transitions if item.to == to]
    return not leading or any(_starts_from(item, stage) for item in leading)


def transition_by_event(
    lifecycle: Lifecycle, lead: LeadLike, event: EventLike, facts: Facts
) -> Transition | None:
    """Return the first transition that this event causes."""
    for item in lifecycle.transitions:
        if item.event is None or not _starts_from(item, lead.stage):
            continue
        if event_matches(item.event, event, facts) and (item.when is None or is_true(item.when, facts)):
            return item
    return None


def transition_by_condition(
    lifecycle: Lifecycle, lead: LeadLike, facts: Facts, now: datetime
) -> Transition | None:
    """Return the first transition whose condition turned true, and remember all truths.

    During a cool-down nothing is looked at or remembered, so a condition that turned true
    meanwhile, and still is, counts as turned when the cool-down ends.
    """
    if lead.recycle_until is not None and lead.recycle_until > now:
        return None
    fired: Transition | None = None
    truths = dict(lead.transition_truth)
    for item in lifecycle.transitions:
        if item.event is not None or item.when is None:
            continue
        truth = is_true(item.when, facts)
        turned = truth and not truths.get(item.id, False)
        truths[item.id] = truth
        if turned and fired is None and _starts_from(item, lead.stage):
            fired = item
    if truths != lead.transition_truth:
        lead.transition_truth = truths
    return fired


def _starts_from(item: Transition, stage: str) -> bool:
    return stage != item.to and (item.source is None or stage in item.source)
