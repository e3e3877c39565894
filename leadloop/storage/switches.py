"""What many transactions look at besides their own rows: the newest publication and rows of `setting`.

A transaction that will ask for several reads them ahead by one statement, once it has locked its lead;
`switch` and `PublicationStore.current` answer from that, else they ask the database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from leadloop.storage.columns import table_of
from leadloop.storage.publications import CURRENT, NEWEST
from leadloop.storage.tables import Setting

SCENARIO_PAUSE = "scenario_pause:"
"""With the scenario behind it: that it is paused, or being resumed."""
BACKFILL = "backfill"
"""What the last publication changed for known leads, and how far the backfill is."""

_READ = "leadloop_switches"
_NEWEST = NEWEST.subquery()
_ROWS = select(_NEWEST.c.id, col(Setting.key), col(Setting.value)).select_from(
    _NEWEST.outerjoin(
        table_of(Setting),
        col(Setting.key).in_(bindparam("keys", expanding=True)),
    )
)


def read_switches(session: Session, *keys: str) -> None:
    """Read the newest publication, and rows that the transaction will not write, for its rest."""
    rows = session.connection().execute(_ROWS, {"keys": keys}).all()
    if rows:  # none where nothing is published yet
        session.info[CURRENT] = rows[0].id
        found = {row.key: row.value for row in rows}
        session.info[_READ] = {key: found.get(key) for key in keys}


def switch(session: Session, key: str) -> dict[str, Any] | None:
    """Return the value of a row; None where there is none."""
    known: dict[str, dict[str, Any] | None] = session.info.get(_READ, {})
    if key in known:
        return known[key]
    row = session.get(Setting, key)
    return row.value if row is not None else None
