"""Applied events that nothing will ask for again.

An event stays while it is younger than the retention or than the longest time anything counts back; while
its type is asked for without an end; while an open journey may look back to it; and for ever where it
proves a consent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlmodel import Session, col, delete, func, select, update

from leadloop.inbox.pruning.asked import Asked
from leadloop.inbox.pruning.batches import Batch, lock_free_leads
from leadloop.storage.tables import ArmedWait, Consent, Enrolment, EnrolmentStatus, Event, ScoreEntry

_BATCH = 500


def prune_events(session: Session, asked: Asked, before: datetime, after: str) -> Batch:
    """Remove what may go of the next events after an id. `before` is the retention's horizon already
    put back by `asked.longest`."""
    rows = session.exec(select(Event).where(Event.id > after).order_by(col(Event.id)).limit(_BATCH)).all()
    # Ids follow the order of arrival closely: a batch of young rows has only younger ones behind it.
    if not any(row.received_at < before for row in rows):
        return Batch.last()
    old = [row for row in rows if _is_old(row, before) and row.type not in asked.for_ever]
    free = lock_free_leads(session, (row.lead_id for row in old if row.lead_id is not None))
    old = [row for row in old if row.lead_id is None or row.lead_id in free]
    kept = _kept(session, asked, old)
    gone = [row.id for row in old if row.id not in kept]
    if gone:
        _name_messages(session, {row.lead_id for row in old if row.lead_id is not None}, gone)
        session.exec(delete(Event).where(col(Event.id).in_(gone)))
    return Batch(after=rows[-1].id, removed=len(gone), done=len(rows) < _BATCH)


def _is_old(row: Event, before: datetime) -> bool:
    """Reported late or waiting to be applied, it is young, however long ago it happened."""
    return row.applied_at is not None and max(row.applied_at, row.received_at, row.occurred_at) < before


def _kept(session: Session, asked: Asked, rows: Collection[Event]) -> set[str]:
    ids = [row.id for row in rows]
    leads = {row.lead_id for row in rows if row.lead_id is not None}
    is_open = col(Enrolment.status) != EnrolmentStatus.ENDED
    kept = asked.waiting | _found(
        session.exec(select(Consent.event_id).where(col(Consent.event_id).in_(ids))).all(),
        session.exec(select(ArmedWait.satisfied_by).where(col(ArmedWait.lead_id).in_(leads))).all(),
        session.exec(
            select(Enrolment.cause_event_id).where(is_open, col(Enrolment.lead_id).in_(leads))
        ).all(),
    )
    entered = dict(
        session.exec(
            select(Enrolment.lead_id, func.min(Enrolment.entered_seq))
            .where(is_open, col(Enrolment.lead_id).in_(leads))
            .group_by(Enrolment.lead_id)
        ).all()
    )
    for row in rows:
        first = entered.get(row.lead_id or "")
        if first is not None and row.type in asked.since_entry and (row.lead_seq or 0) > first:
            kept.add(row.id)
    return kept


def _name_messages(session: Session, leads: Collection[str], events: Collection[str]) -> None:
    """Let lines of the ledger that an older leadloop wrote say themselves which message they are about."""
    message = select(func.coalesce(Event.message_id, "")).where(Event.id == ScoreEntry.event_id)
    session.exec(
        update(ScoreEntry)
        .where(
            col(ScoreEntry.lead_id).in_(leads),
            col(ScoreEntry.event_id).in_(events),
            col(ScoreEntry.message_id).is_(None),
        )
        .values(message_id=message.scalar_subquery())
        .execution_options(synchronize_session=False)
    )


def _found(*columns: Iterable[object]) -> set[str]:
    return {value for column in columns for value in column if isinstance(value, str)}
