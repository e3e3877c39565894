"""The gate: while it is closed, nothing is sent. It closes where this database turns out to be a copy
that is older than what was done with it, and opens when an operator accepts that.

It is one row of `setting`, which every claim reads in its own transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import structlog
from sqlmodel import Session

from leadloop.contracts import Watermark
from leadloop.storage.environment import Environment
from leadloop.storage.switches import switch
from leadloop.storage.tables import Setting

RESTORED = "restored"
"""Setting, and the reason of a mail that is held because of it."""

_LOST_MESSAGES = "lost_messages"
_MOST_LOST = 10_000
_NUMBERS = {"database_id", "epoch", "handed_over", "erased"}
_log = structlog.get_logger()

WORDS = {
    "behind": "this database is older than what was done with it: it was restored from a backup",
    "other_database": "another database has run this workspace on the same Temporal namespace",
}


def is_restored(session: Session) -> bool:
    """Return whether the gate is closed."""
    return switch(session, RESTORED) is not None


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


def note_lost_messages(session: Session, message_ids: Collection[str]) -> None:
    """Remember messages that went out, whose rows and journeys an accepted database does not have."""
    row = session.get(Setting, _LOST_MESSAGES) or Setting(key=_LOST_MESSAGES, value={"ids": []})
    row.value = {"ids": sorted({*row.value["ids"], *message_ids})[-_MOST_LOST:]}
    session.add(row)


def lost_messages(session: Session) -> frozenset[str]:
    """Return messages that went out and have no row, because the database was restored since."""
    row = session.get(Setting, _LOST_MESSAGES)
    return frozenset(row.value["ids"]) if row is not None else frozenset()


def close_the_gate(env: Environment, why: str, known: Watermark, mine: Watermark) -> None:
    """Stop senders, sweeper and what time causes, in every process, until an operator accepts."""
    with env.database.write() as session:
        if session.get(Setting, RESTORED) is None:
            value = {
                "why": why,
                "found_at": mine.at.isoformat(),
                "ran_until": known.at.isoformat(),
                "known": known.model_dump(mode="json", include=_NUMBERS),
                "found": mine.model_dump(mode="json", include=_NUMBERS),
            }
            session.add(Setting(key=RESTORED, value=value))
    _log.error(
        "database_is_older_than_its_watermark" if why == "behind" else "another_database_runs_this_workspace",
        handed_over=mine.handed_over,
        handed_over_before=known.handed_over,
        hint="no mail is sent; see `leadloop status`, then `leadloop recover --accept-restore`",
    )
