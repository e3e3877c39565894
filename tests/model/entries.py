"""Which scenario of the model a fact enters, and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from leadloop.journey.calendar import add_span
from leadloop.language import plan as p
from tests.model.journey import Journey
from tests.model.lead import Fact, Lead, fits, holds
from tests.model.records import record_of


def entry_of(lead: Lead, plan: p.Plan, fact: Fact, now: datetime) -> int | None:
    """Return which entry of a scenario a fact is."""
    facts = lead.facts(now)
    for index, entry in enumerate(plan.entry):
        match = entry.match
        if fact.type == "entry_due":
            found = (fact.properties["scenario"], fact.properties["entry"]) == (plan.scenario, index)
        elif isinstance(match, p.ManualMatch):
            found = fact.type == "enrol_requested" and fact.properties["scenario"] == plan.scenario
        elif isinstance(match, p.StageMatch):
            found = fact.type == "stage_changed" and fact.properties["to"] in match.stages
        elif isinstance(match, p.SegmentMatch):
            found = fact.type == "segment_entered" and fact.properties["segment"] == match.segment
        else:
            found = isinstance(match, p.EventMatch) and fits(match, fact, facts)
        if found:
            return index
    return None


def refusal_of(
    lead: Lead, journeys: Sequence[Journey], plan: p.Plan, fact: Fact, now: datetime
) -> tuple[str, Journey | None] | None:
    """Return why the lead must not enter now, and the journey in the way; None where it may."""
    if lead.erased:
        return "erased", None
    record = record_of(plan, fact, lead.publication.workspace) or ""
    if plan.per != "lead" and not record:
        return "no_record", None
    run = Journey.begin("", plan, lead, fact, None, now).values(now)
    facts = lead.facts(now) | {name: value for name, value in run.items() if name.startswith("run.")}
    if plan.audience is not None and not holds(plan.audience, facts):
        return "audience", None
    for match in (*plan.goal, *plan.exit_when):
        if isinstance(match, p.StageMatch) and lead.stage in match.stages:
            return "met", None
        if isinstance(match, p.WhenMatch) and holds(match.when, facts):
            return "met", None
    return _again(lead, journeys, plan, record, now) or _group(journeys, plan)


def _again(
    lead: Lead, journeys: Sequence[Journey], plan: p.Plan, record: str, now: datetime
) -> tuple[str, Journey | None] | None:
    mine = [one for one in journeys if (one.plan.scenario, one.record) == (plan.scenario, record)]
    for journey in mine:
        if journey.is_open:
            return None if plan.reentry.mode == "always" else ("open", journey)
    newest = max(mine, key=lambda one: (one.entered_at, one.id), default=None)
    if newest is None or newest.ended_at is None:
        return None
    if plan.reentry.mode == "never":
        return "never_again", newest
    cooldown = plan.reentry.cooldown
    until = newest.ended_at
    if cooldown is not None:
        until = add_span(until, cooldown, lead.zone, lead.send_calendar)
    return ("cooldown", newest) if now < until else None


def _group(journeys: Sequence[Journey], plan: p.Plan) -> tuple[str, Journey | None] | None:
    for journey in journeys:
        other = journey.plan
        same = plan.group is not None and other.group == plan.group
        if journey.is_open and same and other.scenario != plan.scenario:
            return "group", journey
    return None
