"""Turns of the past, and texts of finished messages: only people read them."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, delete, exists, func, or_, select, update

from leadloop.inbox.pruning.batches import Batch
from leadloop.storage.tables import Enrolment, Message, MessageStatus, Turn

_BATCH = 200
_FINISHED = (MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.SKIPPED)


def prune_turns(session: Session, before: datetime, after: str) -> Batch:
    """Remove old turns of the next journeys after an id. Each keeps its head, so `why` says where it is."""
    ids = session.exec(
        select(Enrolment.id).where(Enrolment.id > after).order_by(col(Enrolment.id)).limit(_BATCH)
    ).all()
    if not ids:
        return Batch.last()
    is_head = exists().where(
        col(Enrolment.id) == col(Turn.enrolment_id), col(Enrolment.turn_no) <= col(Turn.turn_no)
    )
    done = session.exec(delete(Turn).where(col(Turn.enrolment_id).in_(ids), col(Turn.at) < before, ~is_head))
    return Batch(after=ids[-1], removed=done.rowcount, done=len(ids) < _BATCH)


def prune_bodies(session: Session, before: datetime, after: str) -> Batch:
    """Empty the texts of old messages after an id. Links stay: who clicks in an old mail arrives."""
    rows = session.exec(
        select(Message.id).where(Message.id > after).order_by(col(Message.id)).limit(_BATCH)
    ).all()
    if not rows:
        return Batch.last()
    finished_at = func.coalesce(col(Message.sent_at), col(Message.created_at))
    done = session.exec(
        update(Message)
        .where(
            col(Message.id).in_(rows),
            col(Message.status).in_(_FINISHED),
            finished_at < before,
            or_(col(Message.text_body).is_not(None), col(Message.html_body).is_not(None)),
        )
        .values(text_body=None, html_body=None)
    )
    return Batch(after=rows[-1], removed=done.rowcount, done=len(rows) < _BATCH)
