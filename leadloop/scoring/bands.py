"""Bands of scores, as the engine uses them; they need no storage."""

from leadloop.journey.points import band_of, leaves_at

__all__ = ["band_of", "leaves_at"]
