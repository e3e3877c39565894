"""Visitors that never said who they are, with what they did: too old to become anybody's past."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, delete, select

from leadloop.inbox.pruning.batches import Batch
from leadloop.leads.visitors import is_of_nobody
from leadloop.storage.tables import Event, Visitor

_BATCH = 200


def prune_visitors(session: Session, before: datetime, after: str) -> Batch:
    """Remove those of the next visitors after an id that were not seen since, and the events of nobody.

    Events of one that is known were copied to the lead when it became known. A visitor that somebody
    locks is left for the next pass.
    """
    ids = session.exec(
        select(Visitor.id).where(Visitor.id > after).order_by(col(Visitor.id)).limit(_BATCH)
    ).all()
    if not ids:
        return Batch.last()
    old_events = col(Event.subject_id).in_(ids) & is_of_nobody() & (col(Event.occurred_at) < before)
    gone = session.exec(
        select(Visitor.id)
        .where(col(Visitor.id).in_(ids), col(Visitor.lead_id).is_(None), col(Visitor.seen_at) < before)
        .order_by(col(Visitor.id))
        .with_for_update(skip_locked=True)
    ).all()
    events = session.exec(delete(Event).where(old_events)).rowcount
    session.exec(delete(Visitor).where(col(Visitor.id).in_(gone)))
    return Batch(ids[-1], events + len(gone), done=len(ids) < _BATCH)
