"""Bands: named levels of a score, with hysteresis, and the instant decay leaves one."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import log2

from leadloop.language.plan import Bands, ScoreModel
from leadloop.scoring.ledger import span_seconds

_NOISE = 1e-9


def band_of(bands: Bands, score: float, current: str | None) -> str:
    """Return the band of a score.

    Upwards a band begins at its limit; downwards it is left only `hysteresis` points below it.
    """
    reached = _highest(bands, score)
    if current is None:
        return reached
    names = [name for name, _ in bands.levels]
    if current not in names or names.index(reached) <= names.index(current):
        return reached
    limit = dict(bands.levels)[current]
    return current if score >= limit - bands.hysteresis - _NOISE else reached


def leaves_at(bands: Bands, spec: ScoreModel, score: float, band: str, now: datetime) -> datetime | None:
    """Return when decay alone takes the score out of the band, or None if it never does."""
    if spec.half_life is None or band == bands.levels[-1][0]:
        return None
    floor = dict(bands.levels)[band] - bands.hysteresis
    if floor <= 0 or score <= 0:
        return None
    seconds = max(0.0, span_seconds(spec.half_life) * log2(score / floor)) if score > floor else 0.0
    return now + timedelta(seconds=seconds + 1)


def _highest(bands: Bands, score: float) -> str:
    for name, limit in bands.levels:
        if score >= limit - _NOISE:
            return name
    return bands.levels[-1][0]
