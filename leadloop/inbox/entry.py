"""Entries: an event starts journeys. The database's unique keys decide, not Temporal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, select

from leadloop.conditions import EvaluationError, evaluate
from leadloop.inbox import exits
from leadloop.inbox.wakes import ask_wake
from leadloop.journey.calendar import add_span
from leadloop.journey.state import first_state
from leadloop.language.plan import Entry, Plan
from leadloop.scoring.matching import event_facts, matches
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Event

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application


def enter_journeys(application: Application, event: Event) -> None:
    """Start every scenario that this event is an entry of and that the lead may enter."""
    for plan in application.publication.plans.values():
        entry = _entry_for(application, plan, event)
        if entry is not None:
            _enter(application, plan, entry, event)


def _entry_for(application: Application, plan: Plan, event: Event) -> Entry | None:
    return next((entry for entry in plan.entry if matches(entry.match, event, application.facts)), None)


def _enter(application: Application, plan: Plan, entry: Entry, event: Event) -> None:
    session, lead = application.session, application.lead
    if not _in_audience(application, plan, event):
        return
    if exits.meets_now(plan.goal, application) or exits.meets_now(plan.exit_when, application):
        return
    newest = session.exec(
        select(Enrolment)
        .where(Enrolment.scenario == plan.scenario, Enrolment.lead_id == lead.id)
        .order_by(col(Enrolment.entered_at).desc(), col(Enrolment.id).desc())
    ).first()
    if newest is not None and not _may_reenter(application, plan, newest, event):
        return
    digest = application.stored.parts[f"plan:{plan.scenario}"]
    enrolment = Enrolment(
        scenario=plan.scenario,
        plan_digest=digest,
        publication_id=application.stored.id,
        lead_id=lead.id,
        subject_key=lead.id,
        company_id=lead.company_id,
        cause_event_id=event.id,
        entry_step=entry.start,
        state=first_state(plan, entry.start).model_dump(mode="json"),
        entered_at=application.now,
        entered_seq=event.lead_seq or 0,
        moved_at=application.now,
        cycle=lead.cycle,
    )
    session.add(enrolment)
    session.flush()
    application.open_journeys.append(enrolment)
    ask_wake(session, enrolment.id, application.now)


def _may_reenter(application: Application, plan: Plan, newest: Enrolment, event: Event) -> bool:
    if newest.cause_event_id == event.id:
        return False
    mode = plan.reentry.mode
    if newest.status != EnrolmentStatus.ENDED:
        if mode != "always":
            application.emit("entry_repeated", event, scenario=plan.scenario)
            return False
        exits.end_journey(application, newest, exits.RESTARTED, "entered again")
        return True
    if mode == "never":
        return False
    if plan.reentry.cooldown is None or newest.ended_at is None:
        return True
    again_at = add_span(newest.ended_at, plan.reentry.cooldown, application.zone, None)
    return application.now >= again_at


def _in_audience(application: Application, plan: Plan, event: Event) -> bool:
    if plan.audience is None:
        return True
    facts = {
        **application.facts,
        **event_facts(event.properties, "run.entry."),
        "run.entered_at": application.now,
        "run.cycle": application.lead.cycle,
    }
    try:
        return evaluate(plan.audience, facts).truth is True
    except EvaluationError:
        return False
