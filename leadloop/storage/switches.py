"""Rows of `setting` that many transactions look at, read by one statement.

A transaction that will ask for several reads them ahead, after its locks; `switch` answers from that,
else it asks the database.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from leadloop.storage.tables import Setting

_READ = "leadloop_switches"
_ROWS = select(Setting.key, Setting.value).where(col(Setting.key).in_(bindparam("keys", expanding=True)))


def read_switches(session: Session, keys: Collection[str]) -> None:
    """Read rows for the rest of the transaction, which must not write them."""
    found = {row.key: row.value for row in session.connection().execute(_ROWS, {"keys": list(keys)})}
    session.info[_READ] = {key: found.get(key) for key in keys}


def switch(session: Session, key: str) -> dict[str, Any] | None:
    """Return the value of a row; None where there is none."""
    known: dict[str, dict[str, Any] | None] = session.info.get(_READ, {})
    if key in known:
        return known[key]
    row = session.get(Setting, key)
    return row.value if row is not None else None
