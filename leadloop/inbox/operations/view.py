"""What commands and the API show of a journey and of the log. Ids and codes, no personal values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from leadloop.contracts import journey_workflow_id
from leadloop.inbox.turns.causes import LOST, is_in_flight
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Operation


def journey_json(session: Session, env: Environment, row: Enrolment) -> dict[str, Any]:
    """Return where a journey stands, and what keeps it there."""
    plan = env.publications.plan(row.plan_digest, session)
    step_id = str(row.state.get("step") or plan.first)
    step = plan.steps.get(step_id)
    lost = row.move_to is not None and row.move_to.startswith(LOST)
    return {
        "id": row.id,
        "scenario": row.scenario,
        "version": row.plan_digest,
        "lead": row.lead_id,
        "company": row.company_id,
        "record": row.record_key or None,
        "status": row.status.value,
        "step": step_id,
        "step_title": step.title if step is not None else "",
        "turn": row.turn_no,
        "in_flight": row.status != EnrolmentStatus.ENDED and is_in_flight(session, row),
        "due_at": _iso(row.due_at),
        "held_code": row.held_code,
        "held_reason": row.held_reason,
        "retry": row.retry,
        "stops": {str(cause): str(clock) for cause, clock in _stops(row).items()},
        "clock_stands_since": _iso(row.locked_at),
        "moves_to": None if lost else row.move_to,
        "lost_in": row.move_to.removeprefix(LOST) if lost and row.move_to else None,
        "entered_at": _iso(row.entered_at),
        "moved_at": _iso(row.moved_at),
        "ended_at": _iso(row.ended_at),
        "outcome": row.outcome,
        "end_reason": row.end_reason,
        "workflow": journey_workflow_id(row.id),
    }


def _stops(row: Enrolment) -> Mapping[str, Any]:
    return row.stops or {}


def operation_json(row: Operation) -> dict[str, Any]:
    """Return one line of the log."""
    return {
        "id": row.id,
        "at": _iso(row.at),
        "by": row.by,
        "action": row.action,
        "scenario": row.scenario,
        "journey": row.enrolment_id,
        "reason": row.reason,
        "detail": row.detail,
    }


def _iso(at: Any) -> str | None:
    return at.isoformat() if at is not None else None
