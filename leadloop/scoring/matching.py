"""Matching of events, as scoring, entries, exits and waits use it; it needs no storage."""

from leadloop.journey.matching import (
    event_facts,
    event_matches,
    is_true,
    matches,
    must_be_true,
    property_matches,
)

__all__ = ["event_facts", "event_matches", "is_true", "matches", "must_be_true", "property_matches"]
