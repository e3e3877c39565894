"""Refusals outside the database: mirrored with the watermark, and written again after a restore.

A person who unsubscribed must not be mailed because a backup does not know of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from leadloop.contracts import MOST_REFUSALS, RefusedTopic
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.leads.consent import REFUSED
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Consent, Lead

_OVERLAP_MS = 120_000
"""Ids are in the order of their making, not of their commits: the last minutes are looked at again."""
_SOURCE = "restore"


class RefusalMirror:
    """Which refusals of this database have not been mirrored by this process."""

    def __init__(self) -> None:
        self._told: dict[str, RefusedTopic] = {}
        self._last = ""

    def new(self, session: Session) -> list[RefusedTopic]:
        """Return refusals to mirror, oldest first; the newest ones of all where none were so far."""
        statement = select(Consent).where(Consent.basis == REFUSED)
        if self._last:
            statement = statement.where(col(Consent.id) > _earlier(self._last))
        rows = session.exec(statement.order_by(col(Consent.id).desc()).limit(MOST_REFUSALS)).all()
        self._found = {
            row.id: RefusedTopic(lead_id=row.lead_id, topic=row.topic, at=row.at) for row in reversed(rows)
        }
        return [one for row_id, one in self._found.items() if row_id not in self._told]

    def mirrored(self) -> None:
        """Remember that what `new` returned has been taken."""
        self._last = max([self._last, *self._found])
        bound = _earlier(self._last) if self._last else ""
        self._told = {row_id: one for row_id, one in {**self._told, **self._found}.items() if row_id > bound}


def refuse_again(env: Environment, refusals: Sequence[RefusedTopic]) -> int:
    """Put refusals that this database does not know into the inbox; return how many."""
    written = 0
    for one in refusals:
        with env.database.write() as session:
            lead = session.get(Lead, one.lead_id)
            if lead is None or lead.erased_at is not None or _is_known(session, one):
                continue
            event = IncomingEvent(
                "unsubscribed",
                {"topic": one.topic},
                lead_id=one.lead_id,
                external_id=f"{one.lead_id}:{one.topic}:{one.at.isoformat()}",
                source=_SOURCE,
                trust="verified",
                occurred_at=one.at,
            )
            (result,) = ingest(session, env, [event])
            written += result.status == "accepted"
    return written


def _is_known(session: Session, refused: RefusedTopic) -> bool:
    known = select(Consent.id).where(
        Consent.lead_id == refused.lead_id,
        Consent.topic == refused.topic,
        Consent.basis == REFUSED,
        col(Consent.at) >= refused.at,
    )
    return session.exec(known).first() is not None


def _earlier(row_id: str) -> str:
    """Return a lower bound of the UUIDv7s made in the minutes before this one (RFC 9562, 48 bits of ms)."""
    made_at = int(row_id.replace("-", "")[:12], 16)
    digits = f"{max(0, made_at - _OVERLAP_MS):012x}"
    return f"{digits[:8]}-{digits[8:]}"
