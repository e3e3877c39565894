"""The applier: takes accepted events and applies them, one lead's batch per transaction.

It looks for rows with `applied_at IS NULL`, never by cursor: sequence order is not commit order.
"""

from __future__ import annotations

import structlog
from sqlmodel import col, func, select

from leadloop.inbox.apply import Application
from leadloop.storage.database import RowMissingError, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event

_log = structlog.get_logger()


def pending_leads(env: Environment, limit: int = 200) -> list[str]:
    """Return the subjects with unapplied events, longest waiting first."""
    with env.database.read() as session:
        rows = session.exec(
            select(Event.subject_id)
            .where(col(Event.applied_at).is_(None))
            .group_by(Event.subject_id)
            .order_by(func.min(Event.received_at))
            .limit(limit)
        ).all()
    return list(rows)


def apply_lead(env: Environment, lead_id: str) -> int:
    """Apply one lead's pending events under its lock; return how many."""
    with env.database.write() as session:
        lead = lock_lead(session, lead_id)
        application = Application(session, env, lead, env.clock.now())
        applied = application.apply_pending()
        if lead.id != lead_id:
            applied += application.apply_pending(lead_id)
        return applied


def apply_once(env: Environment, limit: int = 200) -> int:
    """Apply what is pending now; return the number of events."""
    applied = 0
    for lead_id in pending_leads(env, limit):
        try:
            applied += apply_lead(env, lead_id)
        except RowMissingError:
            _park(env, lead_id)
    return applied


def _park(env: Environment, subject_id: str) -> None:
    with env.database.write() as session:
        rows = session.exec(
            select(Event).where(Event.subject_id == subject_id, col(Event.applied_at).is_(None))
        ).all()
        for event in rows:
            event.applied_at = env.clock.now()
            event.parked = "unknown lead"
            session.add(event)
    _log.warning("events_parked", subject_id=subject_id, count=len(rows))
