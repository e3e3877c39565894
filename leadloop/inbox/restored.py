"""The gate: while it is closed, nothing is sent. It closes where this database turns out to be a copy
that is older than what was done with it, and opens when an operator accepts that.

It is one row of `setting`, which every claim reads in its own transaction.
"""

from __future__ import annotations

from typing import Any

import structlog
from sqlmodel import Session

from leadloop.contracts import Watermark
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Setting

RESTORED = "restored"
"""Setting, and the reason of a mail that is held because of it."""

_log = structlog.get_logger()

WORDS = {
    "behind": "this database is older than what was done with it: it was restored from a backup",
    "other_database": "another database has run this workspace on the same Temporal namespace",
}


def is_restored(session: Session) -> bool:
    """Return whether the gate is closed."""
    return session.get(Setting, RESTORED) is not None


def gate_is_closed(env: Environment) -> bool:
    """Return whether the gate is closed, in a transaction of its own."""
    with env.database.read() as session:
        return is_restored(session)


def describe_gate(session: Session) -> dict[str, Any] | None:
    """Return why the gate is closed, since when, and both databases' numbers; None while it is open."""
    row = session.get(Setting, RESTORED)
    if row is None:
        return None
    value: dict[str, Any] = row.value
    return {**value, "text": WORDS.get(str(value.get("why")), "this database must not send")}


def close_the_gate(env: Environment, why: str, known: Watermark, mine: Watermark) -> None:
    """Stop senders, sweeper and what time causes, in every process, until an operator accepts."""
    with env.database.write() as session:
        if session.get(Setting, RESTORED) is None:
            value = {
                "why": why,
                "found_at": mine.at.isoformat(),
                "ran_until": known.at.isoformat(),
                "known": known.model_dump(mode="json", exclude={"tombstones", "at"}),
                "found": mine.model_dump(mode="json", exclude={"tombstones", "at"}),
            }
            session.add(Setting(key=RESTORED, value=value))
    _log.error(
        "database_is_older_than_its_watermark" if why == "behind" else "another_database_runs_this_workspace",
        handed_over=mine.handed_over,
        handed_over_before=known.handed_over,
        hint="no mail is sent; see `leadloop status`, then `leadloop recover --accept-restore`",
    )
