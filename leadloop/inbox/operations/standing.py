"""How the scenarios stand: who is on which step, what is due soon, what is held or paused, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from leadloop.inbox.operations.links import TemporalPages
from leadloop.inbox.operations.scenario_pauses import ScenarioPause, pauses
from leadloop.inbox.operations.sending import read_sending
from leadloop.language.plan import Plan, Step
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus

SOON = timedelta(hours=1)
REASONS = 5
"""So many reasons of held journeys are listed for a scenario, the most frequent ones."""


def standing(session: Session, env: Environment, pages: TemporalPages) -> dict[str, Any]:
    """Return how sending and each scenario with open journeys, or a pause, stand."""
    plans = env.publications.current(session).publication.plans
    paused = {one.scenario: one for one in pauses(session) if one.on}
    steps, due, held = _steps(session), _due(session, env.clock.now()), _held(session)
    names = sorted(plans.keys() | paused.keys() | steps.keys())
    return {
        "sending": read_sending(session).as_json(),
        "scenarios": [
            _scenario(name, plans.get(name), paused.get(name), steps[name], due.get(name), held[name], pages)
            for name in names
        ],
    }


def _scenario(
    name: str,
    plan: Plan | None,
    paused: ScenarioPause | None,
    steps: Mapping[str, int],
    due: tuple[int, datetime | None] | None,
    held: list[dict[str, Any]],
    pages: TemporalPages,
) -> dict[str, Any]:
    known = plan.steps if plan is not None else {}
    soon, oldest = due or (0, None)
    return {
        "scenario": name,
        "steps": [
            {
                "step": step,
                "title": known[step].title if step in known else "",
                "running": steps[step],
            }
            for step in sorted(steps, key=lambda one: (one not in known, _line(known.get(one)), one))
        ],
        "due_next_hour": soon,
        "oldest_due_at": oldest.isoformat() if oldest is not None else None,
        "held": held,
        "pause": {"clock": paused.clock, "since": paused.since.isoformat()} if paused is not None else None,
        "temporal": pages.scenario(name),
    }


def _line(step: Step | None) -> int:
    """Return where a step stands in its file; steps that are gone come last."""
    return step.line or 0 if step is not None else 0


def _steps(session: Session) -> dict[str, dict[str, int]]:
    """Count the running journeys by scenario and step."""
    step = col(Enrolment.state)["step"].as_string().label("step")
    rows = session.exec(
        select(Enrolment.scenario, step, func.count())
        .where(Enrolment.status == EnrolmentStatus.RUNNING)
        .group_by(col(Enrolment.scenario), "step")
    ).all()
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for scenario, name, number in rows:
        found[scenario][name or ""] = number
    return found


def _due(session: Session, now: datetime) -> dict[str, tuple[int, datetime | None]]:
    """Return, by scenario, how many running journeys are due within the hour, and the first one's instant."""
    soon = func.sum(case((col(Enrolment.due_at) <= now + SOON, 1), else_=0))
    rows = session.exec(
        select(Enrolment.scenario, soon, func.min(Enrolment.due_at))
        .where(Enrolment.status == EnrolmentStatus.RUNNING, col(Enrolment.due_at).is_not(None))
        .group_by(col(Enrolment.scenario))
    ).all()
    return {scenario: (int(number or 0), oldest) for scenario, number, oldest in rows}


def _held(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Return, by scenario, why journeys are held, the most frequent reasons first, with one of each."""
    number = func.count().label("number")
    scenario_of, code_of, reason_of = (
        col(Enrolment.scenario),
        col(Enrolment.held_code),
        col(Enrolment.held_reason),
    )
    rows = session.connection().execute(
        select_columns(scenario_of, code_of, reason_of, number, func.min(Enrolment.id))
        .where(col(Enrolment.status) == EnrolmentStatus.HELD)
        .group_by(scenario_of, code_of, reason_of)
        .order_by(scenario_of, number.desc(), reason_of)
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for scenario, code, reason, people, example in rows:
        if len(found[scenario]) < REASONS:
            found[scenario].append({"code": code, "reason": reason, "number": people, "example": example})
    return found
