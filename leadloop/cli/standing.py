"""What belongs to a lead's journeys beside their turns: calls, records, arms of experiments, pauses."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, select

from leadloop.language.plan import Plan
from leadloop.storage.tables import (
    Call,
    Enrolment,
    ExperimentDraw,
    ExperimentWinner,
    Lead,
    Record,
    TopicSuppression,
)


def calls_of(session: Session, enrolment_id: str) -> list[dict[str, Any]]:
    """Return a journey's outside calls, oldest first, without their bodies."""
    rows = session.exec(select(Call).where(Call.enrolment_id == enrolment_id).order_by(col(Call.id))).all()
    return [
        {
            "call": row.id,
            "kind": row.kind,
            "step": row.step_id,
            "to": row.to,
            "status": row.status.value,
            "code": row.code,
            "reason": row.reason,
            "attempts": row.attempts,
            "sink": row.sink,
        }
        for row in rows
    ]


def arms_of(session: Session, enrolment_id: str) -> list[dict[str, Any]]:
    """Return what a journey was drawn for, with the winner of each round and why it won."""
    draws = session.exec(
        select(ExperimentDraw)
        .where(ExperimentDraw.enrolment_id == enrolment_id)
        .order_by(col(ExperimentDraw.id))
    ).all()
    found = []
    for draw in draws:
        won = session.get(ExperimentWinner, (draw.scenario, draw.step_id, draw.round))
        found.append(
            {
                "step": draw.step_id,
                "drawn": draw.variant,
                "drawn_at": draw.drawn_at,
                "winner": won.variant if won else None,
                "why": won.figures.get("why") if won else None,
                "arms": won.figures.get("arms") if won else None,
            }
        )
    return found


def record_of(session: Session, row: Enrolment, plan: Plan) -> dict[str, Any] | None:
    """Return the record that a journey runs for, with its values as they are now."""
    if not row.record_key:
        return None
    record = session.get(Record, (plan.per, row.record_key))
    return {"kind": plan.per, "key": row.record_key, "fields": dict(record.fields) if record else None}


def pauses_of(session: Session, lead: Lead) -> list[dict[str, Any]]:
    """Return the topics that we stopped mailing of our own accord, those that still stand."""
    rows = session.exec(
        select(TopicSuppression)
        .where(TopicSuppression.lead_id == lead.id, col(TopicSuppression.lifted_at).is_(None))
        .order_by(col(TopicSuppression.at), col(TopicSuppression.topic))
    ).all()
    return [
        {
            "topic": row.topic,
            "reason": row.reason,
            "since": row.at,
            "lift_on": [str(match.get("event")) for match in row.lift_on],
        }
        for row in rows
    ]
