"""What a simulation returns: the lines of a timeline, and what became of the lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Behaviour = Literal["ignores", "clicks", "turns hot"]
BEHAVIOURS: tuple[Behaviour, ...] = ("ignores", "clicks", "turns hot")


@dataclass(frozen=True)
class Line:
    """One line of a timeline: when, what kind (`enter mail wait branch event stage data sales call end
    note`), where in the scenario, what, and the points it brought as (model, points, rule)."""

    at: datetime
    kind: str
    text: str
    step: str | None = None
    points: tuple[tuple[str, int, str], ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    """The line of the journey's trace behind it, as the engine writes it too."""


@dataclass
class Timeline:
    """What becomes of the lead. `outcome` is None where the journey still goes on at the horizon, and
    where the lead does not enter."""

    behaviour: Behaviour
    lines: list[Line] = field(default_factory=list)
    outcome: str | None = None
    entered: bool = False
    mails: int = 0
    scores: dict[str, int] = field(default_factory=dict)
    bands: dict[str, str] = field(default_factory=dict)
    stage: str = ""
    zone: str = "UTC"
    """The lead's time zone."""
    path: list[str] = field(default_factory=list)
    """Steps in the order of the trace; one that says several things in a row is there once."""
    visited: tuple[str, ...] = ()
    """Every step that was reached."""
