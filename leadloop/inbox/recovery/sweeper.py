"""The sweeper: finds journeys that are overdue and not moving, and restarts their workflow.

The stored turn is where they go on; a higher generation fences off whatever still runs. Journeys that
are not overdue but whose workflow is gone are found by `missing`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, exists
from sqlmodel import Session, col, or_, select

from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.storage.database import lock_enrolment, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.partial import NextKind, has_ended, is_fresh, is_running
from leadloop.storage.tables import ArmedWait, Enrolment, Wake

OVERDUE = timedelta(seconds=60)
CALL_OVERDUE = timedelta(hours=26)
"""A call is tried for a day before it has failed."""
SEND_OVERDUE = timedelta(minutes=30)
"""A send may take as long as a slow mail server; only later it counts as not moving."""

PAUSE = timedelta(minutes=5)
"""Between two restarts of one journey: the first may only be waiting for a worker."""

_log = structlog.get_logger()


def sweep(env: Environment, limit: int = 100) -> int:
    """Ask for a restart of journeys that should have moved; return how many.

    Does nothing under a warped clock, where the relay wakes due journeys itself.
    """
    if env.clock.warped:
        return 0
    restarted = 0
    for enrolment_id, lead_id in _overdue(env, limit):
        restarted += _restart(env, enrolment_id, lead_id)
    if restarted:
        _log.warning("journeys_restarted", count=restarted)
    return restarted


def _overdue(env: Environment, limit: int) -> list[tuple[str, str]]:
    with env.database.read() as session:
        found: dict[str, str] = {}
        for overdue in _kinds_of_overdue(env):
            rows = session.exec(
                select(Enrolment.id, Enrolment.lead_id)
                .where(overdue, ~exists().where(col(Wake.enrolment_id) == col(Enrolment.id)))
                .limit(limit - len(found))
            ).all()
            found.update(rows)
            if len(found) >= limit:
                break
    return list(found.items())


def _kinds_of_overdue(env: Environment) -> tuple[ColumnElement[bool], ...]:
    """Return the ways to be overdue. Each is asked for alone, because each has an index of its own;
    joined by `or` the database would read all journeys, every time.
    """
    now = env.clock.now()
    running, ended, kind = is_running(), has_ended(), NextKind()
    rested = or_(col(Enrolment.swept_at).is_(None), col(Enrolment.swept_at) <= now - PAUSE)
    rested_send = or_(col(Enrolment.swept_at).is_(None), col(Enrolment.swept_at) <= now - SEND_OVERDUE)
    met = col(Enrolment.id).in_(
        select(ArmedWait.enrolment_id).where(
            col(ArmedWait.satisfied_at).is_not(None), col(ArmedWait.satisfied_at) <= now - OVERDUE
        )
    )
    acting = running & kind.isnt("wait")
    return (
        rested & running & met,
        rested & running & (col(Enrolment.due_at) <= now - OVERDUE),
        rested & running & is_fresh() & (col(Enrolment.moved_at) <= now - OVERDUE),
        rested_send & acting & (kind == "send") & (col(Enrolment.moved_at) <= now - SEND_OVERDUE),
        rested_send & acting & (kind == "call") & (col(Enrolment.moved_at) <= now - CALL_OVERDUE),
        rested & ended & kind.isnt("end") & (col(Enrolment.ended_at) <= now - OVERDUE),
    )


def _restart(env: Environment, enrolment_id: str, lead_id: str) -> bool:
    with env.database.write() as session:
        lock_lead(session, lead_id)
        enrolment = lock_enrolment(session, enrolment_id)
        still = session.exec(
            select(Enrolment.id).where(Enrolment.id == enrolment_id, or_(*_kinds_of_overdue(env)))
        ).first()
        if still is None:
            return False
        restart_journey(session, enrolment, env.clock.now())
        return True


def restart_journey(session: Session, enrolment: Enrolment, now: datetime) -> None:
    """Ask for a new workflow in place of the old one, at the stored turn. The caller has locked both rows."""
    enrolment.generation += 1
    enrolment.swept_at = now
    session.add(enrolment)
    ask_wake(session, enrolment.id, now, restart=True)
