"""Rows of `due`: what time alone will cause. Written in place, one row per key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

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


class LeadDues:
    """One locked lead's rows of `due`.

    `rows` are all that the lead has, where they were read ahead: then none is asked for again. Whoever
    has read ahead writes and drops rows here only.
    """

    def __init__(self, session: Session, lead_id: str, rows: Iterable[Due] | None = None) -> None:
        self.session = session
        self.lead_id = lead_id
        self._rows = {row.key: row for row in rows} if rows is not None else None

    def get(self, key: str) -> Due | None:
        """Return a row, None where there is none."""
        return self._rows.get(key) if self._rows is not None else self.session.get(Due, key)

    def get_many(self, keys: Iterable[str]) -> dict[str, Due]:
        """Return those of several rows that there are."""
        if self._rows is not None:
            return {key: self._rows[key] for key in keys if key in self._rows}
        return {row.key: row for row in self.session.exec(select(Due).where(col(Due.key).in_(keys))).all()}

    def write(
        self, key: str, kind: str, at: datetime | None, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Write, move or, where `at` is None, remove one row."""
        row = self.get(key)
        if at is None:
            if row is not None:
                self.drop(row)
            return
        if row is None:
            announce(self.session, DUES)
            row = Due(key=key, lead_id=self.lead_id, kind=kind, due_at=at, detail=dict(detail or {}))
            if self._rows is not None:
                self._rows[key] = row
        else:
            if at != row.due_at:
                announce(self.session, DUES)
                row.due_at = at
            row.detail = dict(detail or {})
        self.session.add(row)

    def drop(self, row: Due) -> None:
        """Remove a row."""
        announce(self.session, DUES)
        self.session.delete(row)
        if self._rows is not None:
            del self._rows[row.key]
