"""Bands: named levels of a score, with hysteresis, and the instant decay leaves one."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import log2

from leadloop.language.plan import Bands, ScoreModel
from leadloop.scoring.ledger import HALF_POINT, shown, span_seconds


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
