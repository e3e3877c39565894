"""Bands: limits, hysteresis, and the instant that decay leaves one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from leadloop.language.plan import Bands, ScoreModel, Span
from leadloop.scoring.bands import band_of, leaves_at
from leadloop.scoring.ledger import score_of, shown
from leadloop.storage.tables import ScoreEntry
from tests.factories import NOW

BANDS = Bands(levels=(("hot", 30), ("warm", 15), ("cold", 0)), hysteresis=5)
MODEL = ScoreModel(half_life=Span(amount=30, unit="days"))


@pytest.mark.parametrize(
    ("score", "current", "band"),
    [
        (30, None, "hot"),
        (29, None, "warm"),
        (29.9999, None, "hot"),  # 30 points, a moment ago
        (29.4, None, "warm"),
        (25, "hot", "hot"),
        (24.4, "hot", "warm"),
        (24.4, "warm", "warm"),
        (9, "hot", "cold"),
        (10, "warm", "warm"),
        (15, "cold", "warm"),
        (-20, "cold", "cold"),
        (40, "a band of an older file", "hot"),
    ],
)
def test_band_of_score(score: float, current: str | None, band: str) -> None:
    assert band_of(BANDS, score, current) == band


@pytest.mark.parametrize(
    ("score", "band"), [(30, "hot"), (100, "hot"), (26, "hot"), (29, "warm"), (15, "warm")]
)
def test_leaves_at_is_the_instant_the_band_is_left(score: int, band: str) -> None:
    entry = ScoreEntry(
        entry_key="", lead_id="", model="m", rule_id="r", points=score, ruleset_digest="", at=NOW
    )
    at = leaves_at(BANDS, MODEL, score, band, NOW)
    assert at is not None
    before, after = (score_of([entry], MODEL, at + timedelta(seconds=step)) for step in (-3, 0))
    assert band_of(BANDS, before, band) == band
    assert band_of(BANDS, after, band) != band


def test_leaves_at_never_without_decay_or_from_the_lowest() -> None:
    assert leaves_at(BANDS, ScoreModel(), 30, "hot", NOW) is None
    assert leaves_at(BANDS, MODEL, 10, "cold", NOW) is None


@pytest.mark.parametrize(
    ("score", "points"), [(4.99999, 5), (4.5, 5), (4.4, 4), (0, 0), (-0.2, 0), (-3.6, -4)]
)
def test_shown_rounds_to_whole_points(score: float, points: int) -> None:
    assert shown(score) == points
