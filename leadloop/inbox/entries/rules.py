"""May a lead enter a scenario now? Every reason against it, in the order they are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from sqlmodel import Session, col, select

from leadloop.conditions import EvaluationError
from leadloop.contracts import Next
from leadloop.inbox import exits
from leadloop.inbox.entries.events import Asked, asked
from leadloop.inbox.entries.limits import next_place
from leadloop.inbox.records_of import runs_for_record
from leadloop.inbox.turns.journey_facts import entering_values
from leadloop.journey.calendar import add_span
from leadloop.language.plan import Plan, WhenMatch
from leadloop.scoring.matching import must_be_true
from leadloop.storage.tables import (
    ArmedWait,
    Call,
    CallStatus,
    Enrolment,
    EnrolmentStatus,
    Event,
    Message,
    MessageStatus,
)

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

Code = Literal[
    "no_entry", "no_company", "no_record", "erased", "audience", "goal_met", "exit_met", "entered", "open",
    "never_again", "max_entries", "cooldown", "group", "limit", "condition_failed",
]  # fmt: skip


@dataclass(frozen=True)
class Refusal:
    """Why a lead does not enter. `code` is stable; the rest says more where there is more to say."""

    code: Code
    other: Enrolment | None = None
    """The journey that stands in the way: `open`, `group`, `entered`, `never_again`, `max_entries`,
    `cooldown`."""
    until: datetime | None = None
    """When it could enter: `cooldown`, `limit`."""
    problem: str | None = None
    """The condition that could not be evaluated, with impersonal values: `condition_failed`."""


def explain_entry(application: Application, plan: Plan, event: Event) -> Refusal | None:
    """Return why an event would not start a scenario now, or None where it would. Changes nothing.

    A lead that waits for a place under the entry's limit is a refusal too (`limit`), with the instant.
    """
    wish = asked(application, plan, event)
    if wish is None:
        return Refusal("no_entry")
    refusal = refused(application, wish)
    if refusal is not None or wish.entry.limit is None:
        return refusal
    place = next_place(application.session, wish, application.now, application.workspace_zone)
    return Refusal("limit", until=place) if place > application.now else None


def refused(application: Application, wish: Asked) -> Refusal | None:
    """Return the first reason against an entry, limits aside; None where there is none."""
    plan = wish.plan
    if application.lead.erased_at is not None:
        return Refusal("erased")
    if not wish.subject_key:
        return Refusal("no_company")
    if runs_for_record(plan) and not wish.record_key:
        return Refusal("no_record")
    # Facts cost queries, and most scenarios ask for none.
    facts = entering_values(application, plan, wish.cause, wish.record_key) if asks_for_facts(plan) else {}
    try:
        if plan.audience is not None and not must_be_true(plan.audience, facts):
            return Refusal("audience")
        if exits.meets_now(plan.goal, application, facts):
            return Refusal("goal_met")
        if exits.meets_now(plan.exit_when, application, facts):
            return Refusal("exit_met")
    except EvaluationError as error:
        return Refusal("condition_failed", problem=str(error))
    return _again(application, wish) or _group(application, wish)


def restarts(application: Application, wish: Asked, open_journey: Enrolment) -> bool:
    """Return whether the entry ends an open journey and begins a new one.

    A colleague's journey is not restarted: whoever decides about a lead has locked that lead.
    """
    return wish.plan.reentry.mode == "always" and open_journey.lead_id == application.lead.id


def asks_for_facts(plan: Plan) -> bool:
    """Return whether entering asks conditions about the lead: an audience, a goal or an exit."""
    conditions = (*plan.goal, *plan.exit_when)
    return plan.audience is not None or any(isinstance(match, WhenMatch) for match in conditions)


def has_turn_to_take(session: Session, journey: Enrolment, now: datetime) -> bool:
    """Return whether a journey's next turn may be taken already, so that it may be about to end."""
    if journey.status != EnrolmentStatus.RUNNING or journey.turn_no == 0:
        return False
    head = Next.model_validate(journey.next)
    if head.kind == "send":
        message = session.get(Message, head.message_id)
        return message is not None and message.status not in (MessageStatus.NEW, MessageStatus.SENDING)
    if head.kind == "call":
        call = session.get(Call, head.call_id)
        return call is not None and call.status in (CallStatus.DONE, CallStatus.FAILED, CallStatus.SKIPPED)
    met = select(ArmedWait.id).where(
        ArmedWait.enrolment_id == journey.id, col(ArmedWait.satisfied_by).is_not(None)
    )
    if session.exec(met).first() is not None:
        return True
    return journey.locked_at is None and journey.due_at is not None and journey.due_at <= now


def _again(application: Application, wish: Asked) -> Refusal | None:
    newest = application.history.newest(wish)
    if newest is None:
        return None
    if newest.cause_event_id == wish.cause.id and newest.lead_id == application.lead.id:
        return Refusal("entered", newest)
    rule = wish.plan.reentry
    if newest.status != EnrolmentStatus.ENDED and not restarts(application, wish, newest):
        return Refusal("open", newest)
    if rule.most is not None and application.history.count(wish) >= rule.most:
        return Refusal("max_entries", newest)
    if newest.status != EnrolmentStatus.ENDED:
        return None
    if rule.mode == "never":
        return Refusal("never_again", newest)
    if rule.cooldown is None or newest.ended_at is None:
        return None
    until = add_span(newest.ended_at, rule.cooldown, application.zone, application.send_calendar)
    return Refusal("cooldown", newest, until) if application.now < until else None


def _group(application: Application, wish: Asked) -> Refusal | None:
    """A lead has at most one open journey of a group; the one that was there first stays."""
    if wish.plan.group is None:
        return None
    for journey in application.open_journeys:
        if journey.scenario != wish.plan.scenario and _group_of(application, journey) == wish.plan.group:
            return Refusal("group", journey)
    return None


def _group_of(application: Application, journey: Enrolment) -> str | None:
    live = application.publication.plans.get(journey.scenario)
    plan = live or application.env.publications.plan(journey.plan_digest, application.session)
    return plan.group
