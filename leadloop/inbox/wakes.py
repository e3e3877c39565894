"""Asking for a wake. The relay sends it; a wake is only a hint to look at the database again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from leadloop.storage.columns import new_id
from leadloop.storage.database import announce
from leadloop.storage.inserting import insert_rows
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
        row.bulk = False
        session.add(row)


def ask_first_wakes(session: Session, enrolment_ids: Sequence[str], now: datetime) -> None:
    """Note that the workflows of many journeys that this transaction has begun must be started.

    However many they are, others do not wait for them: the relay takes single wakes first.
    """
    if not enrolment_ids:
        return
    announce(session, WAKES)
    rows = [
        {"enrolment_id": one, "token": new_id(), "restart": False, "bulk": True, "asked_at": now}
        for one in enrolment_ids
    ]
    insert_rows(session, Wake, rows)
