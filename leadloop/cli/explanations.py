"""Why a lead is where it is: every turn of its journeys, what it waits for, and why not elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter
from sqlmodel import Session, col, select

from leadloop.conditions import EvaluationError, Facts, evaluate
from leadloop.inbox.facts import lead_facts, lead_zone
from leadloop.journey.calendar import add_span
from leadloop.journey.state import JourneyState
from leadloop.journey.walk import safe_values
from leadloop.language.plan import (
    Armed,
    ChangeMatch,
    EntryMatch,
    EventMatch,
    Matcher,
    Plan,
    Publication,
    SegmentMatch,
    StageMatch,
    WhenMatch,
)
from leadloop.leads.consent import may_mail
from leadloop.scoring.matching import is_true
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
    zone = lead_zone(lead, publication.workspace)
    journeys = session.exec(
        select(Enrolment).where(Enrolment.lead_id == lead_id).order_by(col(Enrolment.id))
    ).all()
    facts = lead_facts(session, publication, lead, now)
    return {
        "lead": lead.id,
        "name": display_name(lead),
        "stage": lead.stage,
        "cycle": lead.cycle,
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
            if not _is_open(journeys, plan)
            and (reasons := _why_not(session, env, lead, plan, publication, facts, journeys, now, zone))
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


def _why_not(
    session: Session,
    env: Environment,
    lead: Lead,
    plan: Plan,
    publication: Publication,
    facts: Facts,
    journeys: Sequence[Enrolment],
    now: datetime,
    zone: ZoneInfo,
) -> list[str]:
    """Return what keeps a lead out of a scenario as things are now, and what it would begin with."""
    reasons = [f"begins with {' or '.join(describe_match(entry.match) for entry in plan.entry)}"]
    if plan.audience is not None and not any(name.startswith("run.") for name in plan.audience.variables):
        reasons += _outside(plan, facts)
    for words, matchers in (("goal", plan.goal), ("exit condition", plan.exit_when)):
        reasons += [f"its {words} is met already: {describe_match(one)}" for one in matchers
                    if _is_met(one, lead, facts)]  # fmt: skip
    earlier = [one for one in journeys if one.scenario == plan.scenario]
    if earlier:
        newest = max(earlier, key=lambda one: (one.entered_at, one.id))
        reasons.append(f"ran before, ended {newest.outcome}")
        if plan.reentry.mode == "never":
            reasons.append("reentry: never")
        elif plan.reentry.cooldown is not None and newest.ended_at is not None:
            again_at = add_span(newest.ended_at, plan.reentry.cooldown, zone, None)
            if again_at > now:
                reasons.append(f"reentry from {again_at.astimezone(zone):%Y-%m-%d %H:%M}")
    verdict = may_mail(session, env, lead, plan.topic, publication.workspace, now)
    if not verdict.allowed:
        reasons.append(f"mails of topic {plan.topic} would be skipped: {verdict.reason}")
    return reasons


def _outside(plan: Plan, facts: Facts) -> list[str]:
    assert plan.audience is not None
    try:
        verdict = evaluate(plan.audience, facts)
    except EvaluationError:
        return ["its audience cannot be evaluated for this lead"]
    if verdict.truth is True:
        return []
    seen = values_words(safe_values(plan.audience, verdict.seen))
    word = "unknown" if verdict.truth is None else "not true"
    return [f"not in its audience: {plan.audience.source} is {word} ({seen})"]


def _is_met(match: Matcher, lead: Lead, facts: Facts) -> bool:
    if isinstance(match, StageMatch):
        return lead.stage in match.stages
    return isinstance(match, WhenMatch) and is_true(match.when, facts)


def values_words(values: dict[str, Any]) -> str:
    """Return the values that a condition saw: `lead.score.engagement 12, lead.industry unknown`."""
    return ", ".join(f"{name} {'unknown' if value is None else value}" for name, value in values.items())
