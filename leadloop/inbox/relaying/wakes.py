"""Asking for a wake. The relay sends it; a wake is only a hint to look at the database again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from leadloop.storage.columns import new_id, table_of
from leadloop.storage.database import announce
from leadloop.storage.inserting import insert_rows
from leadloop.storage.tables import Wake

WAKES = "wakes"
"""Topic of the news that a wake is asked for."""
_GATHERED = "leadloop_wakes"


def ask_wake(session: Session, enrolment_id: str, now: datetime, restart: bool = False) -> None:
    """Note that a journey's workflow must be started or woken once this transaction commits.

    Its token changes at every request, so that one that comes while a wake is being sent is kept.
    """
    announce(session, WAKES)
    row = _row(enrolment_id, now, restart=restart)
    gathered: dict[str, dict[str, Any]] | None = session.info.get(_GATHERED)
    if gathered is None:
        _write(session, [row])
    else:
        row["restart"] = restart or (enrolment_id in gathered and gathered[enrolment_id]["restart"])
        gathered[enrolment_id] = row


@contextmanager
def gather_wakes(session: Session) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """Write the wakes that are asked for in the block by one statement at its end; yield them by journey."""
    gathered = session.info[_GATHERED] = dict[str, dict[str, Any]]()
    try:
        yield gathered
    finally:
        del session.info[_GATHERED]
    if gathered:
        _write(session, list(gathered.values()))


def ask_first_wakes(session: Session, enrolment_ids: Sequence[str], now: datetime) -> None:
    """Note that the workflows of many journeys that this transaction has begun must be started.

    However many they are, others do not wait for them: the relay takes single wakes first.
    """
    if not enrolment_ids:
        return
    announce(session, WAKES)
    insert_rows(session, Wake, [_row(one, now, bulk=True) for one in enrolment_ids])


def _row(enrolment_id: str, now: datetime, *, restart: bool = False, bulk: bool = False) -> dict[str, Any]:
    return {
        "enrolment_id": enrolment_id,
        "token": new_id(),
        "restart": restart,
        "bulk": bulk,
        "asked_at": now,
    }


def _write(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    session.flush()  # a wake names a journey that may have begun just now
    connection = session.connection()
    statement = _UPSERTS[connection.dialect.name]
    connection.execute(statement, sorted(rows, key=lambda row: str(row["enrolment_id"])))


def _upsert(insert: Any) -> Any:
    table = table_of(Wake)
    statement = insert(table)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[table.c.enrolment_id],
        set_={"token": new.token, "restart": or_(table.c.restart, new.restart), "bulk": new.bulk},
    )


_UPSERTS = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}
