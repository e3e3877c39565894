"""What a person may decide about a simulation: what happens, how tasks end, which arm is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from leadloop.language.plan import Span

OVERDUE = "overdue"
"""Stands for an outcome: nobody does the task in time."""


@dataclass(frozen=True)
class Deed:
    """Something that happens to the lead so long after the entry, whatever its habits are."""

    after: Span
    event: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    at: str | None = None
    """`HH:MM` of that day in the lead's zone; None is the same time of day as the entry."""
    of: str | None = None
    """The step whose newest mail it belongs to; None is the newest mail."""


@dataclass(frozen=True)
class Choices:
    """Everything is checked already: names exist, values have their declared types."""

    deeds: tuple[Deed, ...] = ()
    outcomes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Task or hand_off step -> how it ends, one try after another; the last one goes for the rest."""
    task_outcome: str | None = None
    """How every task ends that has this outcome."""
    arms: Mapping[str, str] = field(default_factory=dict)
    """Experiment step -> the arm that is drawn (`control` and `rest` too)."""
    winners: Mapping[str, str] = field(default_factory=dict)
    """Experiment step -> the arm that wins for the rest."""
    webhook_fails: bool = False
    entry: int | None = None
    """Index of the entry to enter by; None is the first."""
    lead: Mapping[str, Any] | None = None
    """Fields of the lead as a lead file gives them; None is a lead made up for the scenario."""
