"""Rows of `due`: what time alone will cause. Written in place, one row per key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from leadloop.storage.database import announce
from leadloop.storage.tables import Due

DECAY = "decay"
COOLDOWN = "cooldown"
SEGMENTS = "segments"
ENTRY = "entry"
WAITING = "waiting"
"""An entry that waits its turn: for a place under its limit, or for a turn of the open journey."""

DUES = "dues"
"""Topic of the news that `due` rows were written."""


def write_due(
    session: Session,
    key: str,
    lead_id: str,
    kind: str,
    at: datetime | None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write, move or, where `at` is None, remove one row."""
    row = session.get(Due, key)
    if at != (row.due_at if row is not None else None):
        announce(session, DUES)
    if at is None:
        if row is not None:
            session.delete(row)
    elif row is None:
        session.add(Due(key=key, lead_id=lead_id, kind=kind, due_at=at, detail=dict(detail or {})))
    else:
        row.due_at = at
        row.detail = dict(detail or {})
        session.add(row)
