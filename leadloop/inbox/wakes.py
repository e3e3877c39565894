"""Asking for a wake. The relay sends it; a wake is only a hint to look at the database again."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from leadloop.storage.columns import new_id
from leadloop.storage.database import announce
from leadloop.storage.tables import Wake

WAKES = "wakes"
"""Topic of the news that a wake is asked for."""


def ask_wake(session: Session, enrolment_id: str, now: datetime, restart: bool = False) -> None:
    """Note that a journey's workflow must be started or woken once this transaction commits."""
    announce(session, WAKES)
    row = session.get(Wake, enrolment_id, with_for_update=True)  # the relay deletes without the lead's lock
    if row is None:
        session.add(Wake(enrolment_id=enrolment_id, asked_at=now, restart=restart))
    else:
        row.token = new_id()
        row.restart = row.restart or restart
        session.add(row)
