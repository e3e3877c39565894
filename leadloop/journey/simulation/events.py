"""The past of a simulated lead: events, ledger lines, and what one event brought about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class SimulatedEvent:
    """A past fact of the simulation."""

    type: str
    properties: Mapping[str, Any]
    occurred_at: datetime
    seq: int
    trust: str = "likely"
    send_key: str | None = None
    """The mail it belongs to."""
    depth: int = 0


@dataclass(frozen=True)
class SimulatedEntry:
    """A line of the ledger."""

    model: str
    rule: str
    points: int
    at: datetime
    event: SimulatedEvent | None = None

    @property
    def worth(self) -> float:
        """What it adds to the score at its instant."""
        return self.points


@dataclass
class Applied:
    """What one event did: itself and those that followed, with the points each brought."""

    events: list[SimulatedEvent] = field(default_factory=list)
    entries: list[SimulatedEntry] = field(default_factory=list)
