"""The numbers that a publication compares scores with, worked out once per process.

Which numbers count, and when a score passes them: `journey.thresholds`.
"""

from __future__ import annotations

from collections.abc import Iterable

from leadloop.journey.thresholds import (
    SCORE_CROSSED,
    Thresholds,
    crossings,
    passes_at,
    read_thresholds,
)
from leadloop.language.plan import Plan
from leadloop.storage.publications import StoredPublication

__all__ = [
    "SCORE_CROSSED",
    "Thresholds",
    "crossings",
    "passes_at",
    "read_thresholds",
    "thresholds_of",
    "thresholds_of_plan",
]

_known: dict[str, Thresholds] = {}


def thresholds_of(stored: StoredPublication) -> Thresholds:
    """Return what a publication compares scores with; worked out once per process."""
    found = _known.get(stored.id)
    if found is None:
        live = stored.publication
        parts = (live.plans, live.segments, live.lifecycle)
        found = _known[stored.id] = read_thresholds(parts, live.scoring.models)
    return found


def thresholds_of_plan(digest: str, plan: Plan, models: Iterable[str]) -> Thresholds:
    """Return what one version of a scenario compares scores with; worked out once per process."""
    names = sorted(models)
    key = ":".join([digest, *names])
    found = _known.get(key)
    if found is None:
        found = _known[key] = read_thresholds(plan, names)
    return found
