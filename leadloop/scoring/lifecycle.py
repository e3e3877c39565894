"""Lifecycle transitions, as the engine uses them; they need no storage."""

from leadloop.journey.lifecycle import allowed, transition_by_condition, transition_by_event

__all__ = ["allowed", "transition_by_condition", "transition_by_event"]
