"""Ids of events from outside, which make a second report of the same one a duplicate."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, delete, select, tuple_

from leadloop.inbox.entries.timers import OWN_KEYS
from leadloop.inbox.pruning.batches import Batch
from leadloop.storage.columns import earliest_id
from leadloop.storage.tables import EventKey

_BATCH = 1000
_BETWEEN = "\n"


def prune_keys(session: Session, before: datetime, after: str) -> Batch:
    """Remove old ones of the next keys. Their age is in the id of their event.

    The engine's own keys stay: they say which entries by time are over, whatever may come.
    """
    source, _, external_id = after.partition(_BETWEEN)
    key = tuple_(col(EventKey.source), col(EventKey.external_id))
    rows = session.exec(
        select(EventKey.source, EventKey.external_id, EventKey.event_id)
        .where(key > (source, external_id), EventKey.source != OWN_KEYS)
        .order_by(col(EventKey.source), col(EventKey.external_id))
        .limit(_BATCH)
    ).all()
    if not rows:
        return Batch.last()
    oldest = earliest_id(before)
    gone = [(own_source, own_id) for own_source, own_id, event_id in rows if event_id < oldest]
    if gone:
        session.exec(delete(EventKey).where(key.in_(gone)))
    source, external_id, _ = rows[-1]
    return Batch(f"{source}{_BETWEEN}{external_id}", len(gone), done=len(rows) < _BATCH)
