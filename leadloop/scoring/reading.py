"""The current reading of a lead's score: band changes, and when decay will cause the next."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from leadloop.language.plan import Scoring
from leadloop.scoring.bands import band_of, leaves_at
from leadloop.scoring.ledger import LeadLedger, shown
from leadloop.storage.database import announce
from leadloop.storage.tables import Due, LeadScore

DECAY = "decay"
COOLDOWN = "cooldown"
DUES = "dues"
"""Topic of the news that `due` rows were written."""


def read_score(book: LeadLedger, scoring: Scoring, model: str, now: datetime) -> tuple[str, str] | None:
    """Bring `lead_score` and its `due` row in line with the ledger.

    Returns (old band, new band) where the band changed.
    """
    session, lead_id = book.session, book.lead_id
    spec = scoring.models[model]
    score = book.score(model, spec, now)
    row = book.reading(model)
    if row is None:
        row = LeadScore(lead_id=lead_id, model=model, points=0, read_at=now)
        book.add_reading(row)
    row.points = shown(score)
    row.read_at = now
    bands = scoring.bands.get(model)
    if bands is None:
        return None
    old = row.band or bands.levels[-1][0]
    new = band_of(bands, score, row.band)
    row.band = new
    _schedule(session, lead_id, model, leaves_at(bands, spec, score, new, now))
    return (old, new) if new != old else None


def _schedule(session: Session, lead_id: str, model: str, due_at: datetime | None) -> None:
    key = f"{DECAY}:{lead_id}:{model}"
    row = session.get(Due, key)
    if due_at != (row.due_at if row is not None else None):
        announce(session, DUES)
    if due_at is None:
        if row is not None:
            session.delete(row)
    elif row is None:
        session.add(Due(key=key, lead_id=lead_id, kind=DECAY, due_at=due_at))
    else:
        row.due_at = due_at
