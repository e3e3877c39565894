"""Counting the messages that are handed over, in the claim's own transaction."""

from __future__ import annotations

import zlib

from sqlalchemy import bindparam, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from leadloop.storage.columns import table_of
from leadloop.storage.tables import Handover

_SLOTS = 16
"""Rows that share the count: claims of different messages seldom wait for the same one."""
_TABLE = table_of(Handover)
_MORE = (
    update(_TABLE).where(_TABLE.c.slot == bindparam("row")).values(number=_TABLE.c.number + bindparam("more"))
)


def count_handover(session: Session, message_id: str) -> None:
    """Add one. The row is locked last, after lead, enrolment and message, and only until the commit."""
    add_handovers(session, zlib.crc32(message_id.encode()) % _SLOTS, 1)


def add_handovers(session: Session, slot: int, number: int) -> None:
    """Add to one row of the count."""
    if _add(session, slot, number):
        return
    try:
        with session.begin_nested():
            session.add(Handover(slot=slot, number=number))
    except IntegrityError:  # another transaction was first
        _add(session, slot, number)


def _add(session: Session, slot: int, number: int) -> bool:
    session.flush()
    return session.connection().execute(_MORE, {"row": slot, "more": number}).rowcount == 1
