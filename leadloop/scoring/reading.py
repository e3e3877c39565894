"""The current reading of a lead's score: what it passed, and when decay will pass something next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from leadloop.inbox.relaying.due_rows import COOLDOWN, DECAY, DUES
from leadloop.language.plan import Scoring
from leadloop.scoring.bands import band_of, leaves_at
from leadloop.scoring.ledger import LeadLedger, shown
from leadloop.scoring.thresholds import crossings, passes_at
from leadloop.storage.tables import LeadScore

__all__ = ["COOLDOWN", "DECAY", "DUES", "Change", "read_score", "reread_score"]


@dataclass(frozen=True)
class Change:
    """What a new reading of one model shows."""

    band: tuple[str, str] | None
    """Old band and new band, where it changed."""
    crossed: list[tuple[int, str]]
    """Reported numbers that the score passed, each with `up` or `down`."""


def read_score(
    book: LeadLedger,
    scoring: Scoring,
    model: str,
    now: datetime,
    edges: Collection[int] = (),
    reported: Collection[int] = (),
) -> Change:
    """Bring `lead_score` and its `due` row in line with the ledger.

    `edges` are the numbers that somebody compares the score with: decay is looked at again when it
    passes one of them.
    """
    score = book.score(model, scoring.models[model], now)
    row = _reading(book, model, now)
    crossed = crossings(row.points, score, reported)
    _note(row, score, now)
    bands = scoring.bands.get(model)
    change: tuple[str, str] | None = None
    if bands is not None:
        old = row.band or bands.levels[-1][0]
        new = band_of(bands, score, row.band)
        row.band = new
        change = (old, new) if new != old else None
    _schedule(book, scoring, model, score, now, edges)
    return Change(change, crossed)


def reread_score(
    book: LeadLedger, scoring: Scoring, model: str, now: datetime, edges: Collection[int]
) -> None:
    """Take the score as it is now, with no news: other numbers are compared with it from here on."""
    row = book.reading(model)
    if row is None:
        return
    score = book.score(model, scoring.models[model], now)
    bands = scoring.bands.get(model)
    if bands is None or band_of(bands, score, row.band) == row.band:
        _note(row, score, now)  # else the next reading shall see the change of the band
    _schedule(book, scoring, model, score, now, edges)


def _reading(book: LeadLedger, model: str, now: datetime) -> LeadScore:
    row = book.reading(model)
    if row is None:
        row = LeadScore(lead_id=book.lead_id, model=model, points=0, read_at=now)
        book.add_reading(row)
    return row


def _note(row: LeadScore, score: float, now: datetime) -> None:
    row.points = shown(score)
    row.read_at = now


def _schedule(
    book: LeadLedger, scoring: Scoring, model: str, score: float, now: datetime, edges: Collection[int]
) -> None:
    spec, bands, row = scoring.models[model], scoring.bands.get(model), book.reading(model)
    instants = [passes_at(spec, score, edges, now)]
    if bands is not None and row is not None and row.band is not None:
        instants.append(leaves_at(bands, spec, score, row.band, now))
    at = min((instant for instant in instants if instant is not None), default=None)
    book.dues.write(f"{DECAY}:{book.lead_id}:{model}", DECAY, at)
