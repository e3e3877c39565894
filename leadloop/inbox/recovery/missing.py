"""Open journeys whose workflow is gone: terminated or deleted by somebody, or failed.

A due instant that passes would show such a journey to the sweeper, and any event starts its workflow
anew. But a journey that waits for months, or for events only, would look alive all that time. So a
bounded number of open journeys is compared with Temporal in every round, in turn, all over again. The
place in that rotation is one row of the database: more processes look no more often, and a deploy
does not begin from the front.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import exists, text, tuple_
from sqlmodel import Session, col, select
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from leadloop.contracts import journey_workflow_id
from leadloop.inbox.recovery.sweeper import restart_journey
from leadloop.storage.database import lock_enrolment, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Setting, Wake

LOOKED_AT = 100
"""Journeys compared with Temporal in one round."""
ROUND = timedelta(seconds=10)
"""Between two rounds, however many processes run."""
SETTLED = timedelta(minutes=5)
"""A journey that moved or was restarted more recently is left alone: its start may be on its way."""

_ROTATION = "missing_workflows"
_AT_ONCE = 8
_OPEN = text("enrolment.status <> 'ended'")  # a literal, or SQLite does not use the partial index
_log = structlog.get_logger()


@dataclass(frozen=True)
class _Seen:
    """An open journey as it was when Temporal was asked about it."""

    enrolment_id: str
    lead_id: str
    generation: int
    turn_no: int


async def restart_missing(env: Environment, client: Client, limit: int = LOOKED_AT) -> int:
    """Compare the next open journeys with Temporal; return how many were restarted.

    Does nothing under a warped clock. Raises `RPCError` where Temporal does not answer.
    """
    if env.clock.warped:
        return 0
    seen = await asyncio.to_thread(_next_journeys, env, limit)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def is_gone(one: _Seen) -> bool:
        async with gate:
            return await _is_gone(client, one.enrolment_id)

    answers = await asyncio.gather(*(is_gone(one) for one in seen))
    gone = [one for one, answer in zip(seen, answers, strict=True) if answer]
    restarted = await asyncio.to_thread(_restart_all, env, gone)
    if restarted:
        _log.warning("journeys_without_workflow_restarted", count=restarted)
    return restarted


async def _is_gone(client: Client, enrolment_id: str) -> bool:
    try:
        described = await client.get_workflow_handle(journey_workflow_id(enrolment_id)).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return True
        raise
    return described.status != WorkflowExecutionStatus.RUNNING


def _next_journeys(env: Environment, limit: int) -> list[_Seen]:
    """Return the next journeys of the rotation; none where another process has just looked."""
    now = env.clock.now()
    with env.database.write() as session:
        row = session.get(Setting, _ROTATION, with_for_update=True)
        place = dict(row.value) if row is not None else {}
        if place and datetime.fromisoformat(place["at"]) > now - ROUND:
            return []
        found = _after(session, place.get("after"), now, limit)
        last = found[-1] if len(found) == limit else None  # else from the front again
        place = {
            "at": now.isoformat(),
            "after": [last.scenario, last.subject_key, last.record_key] if last is not None else None,
        }
        row = row or Setting(key=_ROTATION)
        row.value = place
        session.add(row)
    return [_Seen(one.id, one.lead_id, one.generation, one.turn_no) for one in found]


def _after(session: Session, after: Sequence[str] | None, now: datetime, limit: int) -> Sequence[Enrolment]:
    """Return open journeys in the order of their unique key, which has a partial index."""
    key = (col(Enrolment.scenario), col(Enrolment.subject_key), col(Enrolment.record_key))
    statement = select(Enrolment).where(_OPEN)
    if after is not None:
        statement = statement.where(tuple_(*key) > tuple_(*after))
    statement = statement.where(
        col(Enrolment.moved_at) <= now - SETTLED,
        col(Enrolment.swept_at).is_(None) | (col(Enrolment.swept_at) <= now - SETTLED),
        ~exists().where(col(Wake.enrolment_id) == col(Enrolment.id)),
    )
    return session.exec(statement.order_by(*key).limit(limit)).all()


def _restart_all(env: Environment, gone: Sequence[_Seen]) -> int:
    return sum(_restart(env, one) for one in gone)


def _restart(env: Environment, seen: _Seen) -> bool:
    """Restart a journey, unless it moved, ended or was woken since Temporal was asked."""
    with env.database.write() as session:
        lock_lead(session, seen.lead_id)
        enrolment = lock_enrolment(session, seen.enrolment_id)
        same = (enrolment.generation, enrolment.turn_no) == (seen.generation, seen.turn_no)
        woken = session.get(Wake, enrolment.id) is not None
        if not same or woken or enrolment.status == EnrolmentStatus.ENDED:
            return False
        restart_journey(session, enrolment, env.clock.now())
        return True
