"""Experiments: who was drawn for which arm, and which arm won a round.

A round is what is compared: all runs that one instant of a schedule began; without a schedule, all
runs of one version of the scenario.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from math import sqrt
from statistics import NormalDist
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from leadloop.inbox.apply import Application
from leadloop.journey.calendar import add_span
from leadloop.journey.effects import NoteDraw
from leadloop.journey.matching import EventLike, event_matches
from leadloop.language.plan import Did, ExperimentStep, Plan, ScheduleMatch
from leadloop.storage.tables import Enrolment, Event, ExperimentDraw, ExperimentWinner, Message

ENTRY_DUE = "entry_due"
CONFIDENCE = 0.95
"""Two-sided: how sure it must be that the best arm is not best by chance."""
RATE, TOO_FEW, NOT_SIGNIFICANT = "rate", "too_few", "not_significant"

_DAY = ":"
"""Stands before the day of a scheduled round, and in no other."""
_CHUNK = 500


def note_draw(application: Application, enrolment: Enrolment, effect: NoteDraw) -> None:
    """Remember a draw. The same draw is written once."""
    session = application.session
    plan = application.env.publications.plan(enrolment.plan_digest, session)
    known = select(ExperimentDraw.id).where(ExperimentDraw.draw_key == effect.draw_key)
    if session.exec(known).first() is not None:
        return
    session.add(
        ExperimentDraw(
            draw_key=effect.draw_key,
            scenario=enrolment.scenario,
            step_id=effect.step_id,
            round=round_of(session, enrolment, plan),
            enrolment_id=enrolment.id,
            lead_id=application.lead.id,
            variant=effect.variant,
            drawn_at=application.now,
            drawn_seq=application.lead.last_seq,
        )
    )
    session.flush()


def round_of(session: Session, enrolment: Enrolment, plan: Plan) -> str:
    """Return the round that a journey's draws belong to: its plan, and the day of its schedule."""
    cause = session.get(Event, enrolment.cause_event_id) if enrolment.cause_event_id else None
    if cause is None or cause.type != ENTRY_DUE:
        return enrolment.plan_digest
    number, day = cause.properties.get("entry"), cause.properties.get("day")
    if not isinstance(number, int) or not 0 <= number < len(plan.entry) or not day:
        return enrolment.plan_digest
    scheduled = isinstance(plan.entry[number].match, ScheduleMatch)
    return f"{enrolment.plan_digest[:16]}{_DAY}{day}" if scheduled else enrolment.plan_digest


def decide_winner(
    application: Application, enrolment: Enrolment, plan: Plan, step: ExperimentStep
) -> str | None:
    """Return the arm that those who rest take; decided once per round, the first to decide wins.

    None while a round without a schedule has too few draws: this run takes `tie`, a later one decides.
    """
    session = application.session
    round_name = _drawn_in(session, enrolment, step.id) or round_of(session, enrolment, plan)
    key = (plan.scenario, step.id, round_name)
    known = session.get(ExperimentWinner, key)
    if known is not None or step.rest is None:
        return known.variant if known is not None else None
    draws, wins = _count(application, plan, step, round_name)
    names = [variant.name for variant in step.variants]
    figures: dict[str, Any] = {"arms": {name: [draws[name], wins[name]] for name in names}}
    if sum(draws.values()) < step.rest.min_sends:
        if _DAY not in round_name:
            return None
        winner, why = step.rest.tie, TOO_FEW
    else:
        best = best_arm({name: (draws[name], wins[name]) for name in names})
        winner, why = (best, RATE) if best is not None else (step.rest.tie, NOT_SIGNIFICANT)
    row = ExperimentWinner(
        scenario=plan.scenario,
        step_id=step.id,
        round=round_name,
        variant=winner,
        figures={**figures, "why": why},
        decided_at=application.now,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # another journey decided at the same moment
        return session.get_one(ExperimentWinner, key, populate_existing=True).variant
    return winner


def _drawn_in(session: Session, enrolment: Enrolment, step_id: str) -> str | None:
    """Return the round of the journey's last draw, which stays when it moves to another version."""
    return session.exec(
        select(ExperimentDraw.round)
        .where(ExperimentDraw.enrolment_id == enrolment.id, ExperimentDraw.step_id == step_id)
        .order_by(col(ExperimentDraw.drawn_at).desc(), col(ExperimentDraw.id).desc())
    ).first()


def best_arm(arms: dict[str, tuple[int, int]]) -> str | None:
    """Return the arm with the highest rate of successes, if that is no chance.

    `arms` holds draws and successes. A two-proportion z-test with pooled variance against the second
    best, two-sided at 95 %; None where the difference is not significant or nothing can be compared.
    """
    ranked = sorted(
        ((wins / draws, draws, name) for name, (draws, wins) in arms.items() if draws), reverse=True
    )
    if len(ranked) < 2:
        return None
    (best, many, name), (second, others, _) = ranked[0], ranked[1]
    pooled = (best * many + second * others) / (many + others)
    spread = sqrt(pooled * (1 - pooled) * (1 / many + 1 / others))
    if spread == 0:
        return None
    limit = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2)
    return name if (best - second) / spread > limit else None


def _count(
    application: Application, plan: Plan, step: ExperimentStep, round_name: str
) -> tuple[Counter[str], Counter[str]]:
    """Return draws and successes per arm. A draw whose time is not over yet counts as it stands."""
    session = application.session
    rows = session.exec(
        select(ExperimentDraw).where(
            ExperimentDraw.scenario == plan.scenario,
            ExperimentDraw.step_id == step.id,
            ExperimentDraw.round == round_name,
            col(ExperimentDraw.variant).in_([variant.name for variant in step.variants]),
        )
    ).all()
    draws = Counter(row.variant for row in rows)
    wins: Counter[str] = Counter()
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        events = _events(session, step.metric, chunk)
        messages = _messages(session, step.metric, chunk)
        for draw in chunk:
            found = [
                event
                for event in events.get(draw.lead_id, ())
                if _counts(application, step.metric, draw, event, messages)
            ]
            wins[draw.variant] += _often_enough(step.metric, found)
    return draws, wins


def _events(session: Session, metric: Did, draws: Sequence[ExperimentDraw]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    rows = session.exec(
        select(Event).where(
            col(Event.lead_id).in_({draw.lead_id for draw in draws}),
            Event.type == metric.match.event,
            Event.occurred_at >= min(draw.drawn_at for draw in draws),
        )
    ).all()
    for event in rows:
        found.setdefault(event.lead_id or "", []).append(event)
    return found


def _messages(session: Session, metric: Did, draws: Sequence[ExperimentDraw]) -> dict[str, set[str]]:
    """Return the messages that `of` stands for, by journey."""
    if not metric.match.of:
        return {}
    found: dict[str, set[str]] = {}
    rows = session.exec(
        select(Message.enrolment_id, Message.id).where(
            col(Message.enrolment_id).in_([draw.enrolment_id for draw in draws]),
            col(Message.step_id).in_(metric.match.of),
        )
    ).all()
    for enrolment_id, message_id in rows:
        found.setdefault(enrolment_id, set()).add(message_id)
    return found


def _counts(
    application: Application,
    metric: Did,
    draw: ExperimentDraw,
    event: Event,
    messages: dict[str, set[str]],
) -> bool:
    if (event.lead_seq or 0) <= draw.drawn_seq or event.occurred_at > _until(application, metric, draw):
        return False
    if metric.match.of and event.message_id not in messages.get(draw.enrolment_id, ()):
        return False
    # Of other people only the event is known here: a `where` that asks for the lead does not count.
    facts = application.facts if draw.lead_id == application.lead.id else {}
    return event_matches(metric.match, event, facts)


def _until(application: Application, metric: Did, draw: ExperimentDraw) -> datetime:
    if metric.within is None:
        return application.now
    return add_span(draw.drawn_at, metric.within, application.zone, None)


def _often_enough(metric: Did, events: list[Event]) -> bool:
    if metric.distinct is None:
        return len(events) >= metric.at_least
    values = {_value(event, metric.distinct) for event in events} - {None}
    return len(values) >= metric.at_least


def _value(event: EventLike, name: str) -> Any:
    return event.properties.get(name)
