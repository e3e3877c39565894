"""How long rows are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from leadloop.settings import Settings


@dataclass(frozen=True)
class Retention:
    """Days after which rows of each kind may go; 0 keeps them for ever."""

    events: int = 0
    """Applied events, unless something may still ask for them."""
    scores: int = 0
    """Lines of the ledger; older ones are added up, rule by rule."""
    turns: int = 0
    """Turns of journeys, but for the last one."""
    bodies: int = 0
    """Texts of messages that are finished. Their rows stay."""
    event_keys: int = 0
    """Ids of events from outside: for so long the same id is a duplicate."""


def retention_of(settings: Settings) -> Retention:
    """Return what the settings say."""
    return Retention(
        events=settings.retention_events_days,
        scores=settings.retention_scores_days,
        turns=settings.retention_turns_days,
        bodies=settings.retention_bodies_days,
        event_keys=settings.retention_event_keys_days,
    )


def horizon(now: datetime, days: int) -> datetime | None:
    """Return the instant before which rows may go; None where they are kept for ever."""
    return now - timedelta(days=days) if days > 0 else None
