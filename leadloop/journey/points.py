"""Arithmetic of scores: decay, bands with hysteresis, and the instant decay leaves one. Pure.

score(t) = min(cap, Σ pointsᵢ · 2^(−(t − tᵢ) / half-life)), over the entries since the last reset.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import floor, log2
from typing import Protocol

from leadloop.language.plan import Bands, ScoreModel, Span

HALF_POINT = 0.5

_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800, "months": 2629800}


class EntryLike(Protocol):
    """A line of a ledger: stored, or of a simulation."""

    @property
    def worth(self) -> float: ...

    @property
    def at(self) -> datetime: ...


def score_of(rows: Iterable[EntryLike], spec: ScoreModel, now: datetime) -> float:
    """Return the score that entries give at an instant."""
    half_life = span_seconds(spec.half_life) if spec.half_life else None
    total = 0.0
    for row in rows:
        age = max(0.0, (now - row.at).total_seconds())
        total += row.worth if half_life is None else row.worth * 2.0 ** (-age / half_life)
    return min(total, float(spec.cap)) if spec.cap is not None else total


def shown(score: float) -> int:
    """Return the score as conditions, bands and people see it: rounded to whole points.

    Rounding down would take a point away the moment after it was given, because decay never rests.
    """
    return floor(score + HALF_POINT + 1e-9)


def span_seconds(span: Span) -> int:
    """Return the length of a plain span; scoring has no business time."""
    return span.amount * _SECONDS[span.unit]


def span_delta(span: Span) -> timedelta:
    """Return the length of a plain span as a timedelta."""
    return timedelta(seconds=span_seconds(span))


def band_of(bands: Bands, score: float, current: str | None) -> str:
    """Return the band of a score, rounded to whole points as people see it.

    Upwards a band begins at its limit; downwards it is left only `hysteresis` points below it.
    """
    points = shown(score)
    reached = _highest(bands, points)
    if current is None:
        return reached
    names = [name for name, _ in bands.levels]
    if current not in names or names.index(reached) <= names.index(current):
        return reached
    limit = dict(bands.levels)[current]
    return current if points >= limit - bands.hysteresis else reached


def leaves_at(bands: Bands, spec: ScoreModel, score: float, band: str, now: datetime) -> datetime | None:
    """Return when decay alone takes the score out of the band, or None if it never does."""
    if spec.half_life is None or band == bands.levels[-1][0]:
        return None
    edge = dict(bands.levels)[band] - bands.hysteresis - HALF_POINT
    if edge <= 0 or score <= 0:
        return None
    seconds = max(0.0, span_seconds(spec.half_life) * log2(score / edge))
    return now + timedelta(seconds=seconds + 1)


def _highest(bands: Bands, points: int) -> str:
    for name, limit in bands.levels:
        if points >= limit:
            return name
    return bands.levels[-1][0]
