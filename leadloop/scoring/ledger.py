"""The score ledger: every point is an entry; a score is a function of the entries and an instant.

score(t) = min(cap, Σ pointsᵢ · 2^(−(t − tᵢ) / half-life)), over the entries since the last reset.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import floor

from sqlmodel import Session, col, select

from leadloop.language.plan import ScoreModel, Span
from leadloop.storage.columns import new_id
from leadloop.storage.tables import ScoreEntry

RESET = "reset"
"""Rule id of an entry after which the earlier ones no longer count."""

_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800, "months": 2629800}


def add_entry(
    session: Session,
    *,
    entry_key: str,
    lead_id: str,
    model: str,
    rule_id: str,
    points: int,
    ruleset_digest: str,
    at: datetime,
    event_id: str | None = None,
    reason: str = "",
) -> bool:
    """Write one line, once per `entry_key`; return False where it was there already."""
    known = session.exec(select(ScoreEntry.id).where(ScoreEntry.entry_key == entry_key)).first()
    if known is not None:
        return False
    session.add(
        ScoreEntry(
            id=new_id(),
            entry_key=entry_key,
            lead_id=lead_id,
            model=model,
            rule_id=rule_id,
            points=points,
            event_id=event_id,
            ruleset_digest=ruleset_digest,
            reason=reason,
            at=at,
        )
    )
    session.flush()
    return True


def entries(session: Session, lead_id: str, model: str) -> list[ScoreEntry]:
    """Return the entries that count: those written after the last reset, oldest first."""
    rows = session.exec(
        select(ScoreEntry)
        .where(ScoreEntry.lead_id == lead_id, ScoreEntry.model == model)
        .order_by(col(ScoreEntry.id))
    ).all()
    for index in range(len(rows) - 1, -1, -1):
        if rows[index].rule_id == RESET:
            return list(rows[index + 1 :])
    return list(rows)


def score_of(rows: Iterable[ScoreEntry], spec: ScoreModel, now: datetime) -> float:
    """Return the score that entries give at an instant."""
    half_life = span_seconds(spec.half_life) if spec.half_life else None
    total = 0.0
    for row in rows:
        age = max(0.0, (now - row.at).total_seconds())
        total += row.points if half_life is None else row.points * 2.0 ** (-age / half_life)
    return min(total, float(spec.cap)) if spec.cap is not None else total


def score_at(session: Session, lead_id: str, model: str, spec: ScoreModel, now: datetime) -> float:
    """Return a lead's score at an instant."""
    return score_of(entries(session, lead_id, model), spec, now)


def shown(score: float) -> int:
    """Return the score as conditions and people see it: rounded down, but not by float noise."""
    return floor(score + 1e-9)


def span_seconds(span: Span) -> int:
    """Return the length of a plain span; scoring has no business time."""
    return span.amount * _SECONDS[span.unit]


def span_delta(span: Span) -> timedelta:
    """Return the length of a plain span as a timedelta."""
    return timedelta(seconds=span_seconds(span))
