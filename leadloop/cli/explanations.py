"""Why a lead is where it is: every turn of its journeys, what it waits for, and why not elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlmodel import Session, col, select

from leadloop.cli.keeping_out import reasons_against
from leadloop.cli.standing import arms_of, calls_of, pauses_of, record_of
from leadloop.inbox.apply import Application
from leadloop.inbox.facts import company_of, lead_zone
from leadloop.inbox.operations.log import operations_about
from leadloop.inbox.operations.view import operation_json
from leadloop.inbox.turns.causes import LOST
from leadloop.journey.state import JourneyState
from leadloop.language.plan import (
    Armed,
    ChangeMatch,
    EntryMatch,
    EventMatch,
    Plan,
    SegmentMatch,
    StageMatch,
    WhenMatch,
)
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    ArmedWait,
    Enrolment,
    EnrolmentStatus,
    Event,
    Lead,
    Message,
    MessageStatus,
    Turn,
    Wake,
)
from leadloop.web.lead_view import display_name

_MATCHER: TypeAdapter[Armed] = TypeAdapter(Armed)
_ENTRIES = {
    "inactive": "a time without activity",
    "date": "a date",
    "schedule": "a recurring time",
    "manual": "somebody's request",
}
_UNSENT = (MessageStatus.SKIPPED, MessageStatus.FAILED, MessageStatus.HELD, MessageStatus.UNCERTAIN)


def explain_lead(session: Session, env: Environment, lead_id: str) -> dict[str, Any]:
    """Return everything `leadloop why` says of a lead, as plain data with UTC instants."""
    lead = session.get_one(Lead, lead_id)
    publication = env.publications.current(session).publication
    now = env.clock.now()
    zone = lead_zone(lead, publication.workspace, company_of(session, lead))
    journeys = session.exec(
        select(Enrolment).where(Enrolment.lead_id == lead_id).order_by(col(Enrolment.id))
    ).all()
    application = Application(session, env, lead, now)
    return {
        "lead": lead.id,
        "name": display_name(lead),
        "stage": lead.stage,
        "cycle": lead.cycle,
        "in_sales": lead.in_sales,
        "recycle_until": lead.recycle_until,
        "segments": list(lead.segments),
        "suppressed_topics": pauses_of(session, lead),
        "timezone": zone.key,
        "now": now,
        "unapplied_events": len(
            session.exec(
                select(Event.id).where(Event.subject_id == lead.id, col(Event.applied_at).is_(None))
            ).all()
        ),
        "journeys": [_journey(session, env, row) for row in journeys],
        "not_running": [
            {"scenario": plan.scenario, "title": plan.title, "reasons": reasons}
            for plan in publication.plans.values()
            if not _is_open(journeys, plan) and (reasons := _why_not(application, plan, journeys))
        ],
    }


def describe_match(match: Armed | EntryMatch) -> str:
    """Return what a matcher waits for: `email_clicked of thanks`."""
    if isinstance(match, StageMatch):
        return f"stage {' or '.join(match.stages)}"
    if isinstance(match, WhenMatch):
        return match.when.source
    if isinstance(match, ChangeMatch):
        return f"another {match.fact}"
    if isinstance(match, SegmentMatch):
        return f"segment {match.segment}"
    if not isinstance(match, EventMatch):
        return _ENTRIES[match.kind]
    words = [match.event]
    for one in match.properties:
        wanted = " or ".join(str(value) for value in one.values) if one.prefix is None else f"{one.prefix}…"
        words.append(f"{one.name} {wanted}")
    if match.of:
        words.append(f"of {' or '.join(match.of)}")
    if match.where is not None:
        words.append(f"where {match.where.source}")
    return " ".join(words)


def _journey(session: Session, env: Environment, row: Enrolment) -> dict[str, Any]:
    plan = env.publications.plan(row.plan_digest, session)
    turns = session.exec(select(Turn).where(Turn.enrolment_id == row.id).order_by(col(Turn.turn_no))).all()
    unsent = session.exec(
        select(Message)
        .where(Message.enrolment_id == row.id, col(Message.status).in_(_UNSENT))
        .order_by(col(Message.id))
    ).all()
    cause = session.get(Event, row.cause_event_id) if row.cause_event_id else None
    return {
        "enrolment": row.id,
        "scenario": row.scenario,
        "title": plan.title,
        "version": row.plan_digest[:12],
        "status": row.status.value,
        "outcome": row.outcome,
        "reason": row.end_reason or row.held_reason,
        "entered_at": row.entered_at,
        "entered_by": cause.type if cause else None,
        "ended_at": row.ended_at,
        "turns": [
            {
                "turn": turn.turn_no,
                "at": turn.at,
                "generation": turn.generation,
                "cause": turn.cause,
                "trace": turn.trace,
                "next": turn.next,
            }
            for turn in turns
        ],
        "unsent": [
            {
                "message": one.id,
                "step": one.step_id,
                "template": one.template,
                "status": one.status.value,
                "reason": one.reason,
                "hold_until": one.hold_until,
            }
            for one in unsent
        ],
        "record": record_of(session, row, plan),
        "calls": calls_of(session, row.id),
        "experiments": arms_of(session, row.id),
        "locked_at": row.locked_at,
        "stops": dict(row.stops),
        "retry": row.retry,
        "operations": [operation_json(one) for one in operations_about(session, [row])[row.id]],
        "pause_clock": plan.pause_clock,
        "moves_to": row.move_to[:12] if row.move_to and not row.move_to.startswith(LOST) else None,
        "waiting": _waiting(session, row, plan),
    }


def _waiting(session: Session, row: Enrolment, plan: Plan) -> dict[str, Any] | None:
    """Return where an open journey stands and what moves it on."""
    if row.status == EnrolmentStatus.ENDED:
        return None
    step_id = JourneyState.model_validate(row.state).step if row.state else plan.first
    arms = session.exec(
        select(ArmedWait).where(ArmedWait.enrolment_id == row.id).order_by(col(ArmedWait.branch))
    ).all()
    message = session.get(Message, row.next.get("message_id")) if row.next.get("message_id") else None
    step = plan.steps.get(step_id)
    return {
        "step": step_id,
        "title": step.title if step else "",
        "line": step.line if step else None,
        "for": [describe_match(_MATCHER.validate_python(arm.match)) for arm in arms],
        "satisfied": any(arm.satisfied_by for arm in arms),
        "message": {"id": message.id, "status": message.status.value} if message else None,
        "due_at": row.due_at,
        "wake": session.get(Wake, row.id) is not None,
    }


def _is_open(journeys: Sequence[Enrolment], plan: Plan) -> bool:
    return any(one.scenario == plan.scenario and one.status != EnrolmentStatus.ENDED for one in journeys)


def _why_not(application: Application, plan: Plan, journeys: Sequence[Enrolment]) -> list[str]:
    """Return what a scenario begins with, and what keeps the lead out of it as things are now."""
    reasons = [f"begins with {' or '.join(describe_match(entry.match) for entry in plan.entry)}"]
    earlier = [one for one in journeys if one.scenario == plan.scenario]
    if earlier:
        newest = max(earlier, key=lambda one: (one.entered_at, one.id))
        reasons.append(f"ran before, ended {newest.outcome}")
    return reasons + reasons_against(application, plan)


def values_words(values: dict[str, Any]) -> str:
    """Return the values that a condition saw: `lead.score.engagement 12, lead.industry unknown`."""
    known = {name: "unknown" if value is None else value for name, value in values.items()}
    return ", ".join(f"{name} {value}" for name, value in sorted(known.items()))
