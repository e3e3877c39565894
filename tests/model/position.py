"""Where a journey of the model stands, and why it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from leadloop.language import plan as p
from tests.model.lead import Fact


@dataclass(frozen=True)
class Arm:
    """One thing that a journey waits for. Facts after `since` count."""

    match: p.Armed
    since: int
    mails: tuple[str, ...] = ()
    """The mails that `of` stands for."""


@dataclass(frozen=True)
class Cause:
    """Why a journey takes a turn."""

    kind: Literal["started", "branch", "time", "mail", "call", "moved", "retried", "closed"]
    branch: int = -1
    """Which arm was satisfied."""
    fact: Fact | None = None
    """By what; None where the lead's own state did it."""
    seq: int = 0
    """How much had happened to the lead by then."""
    status: str = ""
    reason: str | None = None
    until: datetime | None = None
    """What came of a mail or a call: until when a mail is held."""


@dataclass
class Position:
    """The step a journey is on, and what it remembers of its way."""

    step: str
    going_to: p.Target | None
    """Where it goes as soon as what it is doing now is done."""
    phase: str = ""
    notes: dict[str, Any] = field(default_factory=dict)
    """What the step remembers while it lasts."""
    arrived_at: datetime | None = None
    arrived_seq: int = 0
    named: str = ""
    """What the step was called on arrival: the keys of its mails keep that name after a move."""
    visits: dict[str, int] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    """Step -> how much had happened to the lead at the last arrival there."""
    sends: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Step -> keys of its mails, oldest first."""
    asked: dict[str, int] = field(default_factory=dict)
    """Step -> how much had happened when its last visit first asked for a mail."""
    ended: dict[str, str] = field(default_factory=dict)
    """Step -> what came of its newest mail."""
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    rounds: dict[str, int] = field(default_factory=dict)
    idle: set[str] = field(default_factory=set)
    """Loops whose round began in this turn: no time has passed in it, and no mail was sent."""

    @property
    def visit(self) -> int:
        return self.visits.get(self.step, 0)

    @property
    def stands_on(self) -> tuple[str, ...]:
        """The step, and the one it is on its way to."""
        going_to = self.going_to.step if self.going_to is not None else None
        return (self.step, going_to) if going_to is not None else (self.step,)

    def arrive(self, step: str, now: datetime, seq: int) -> None:
        """Come to a step; what came of its last visit is forgotten."""
        self.step = self.named = step
        self.phase, self.notes = "", {}
        self.visits[step] = self.visits.get(step, 0) + 1
        self.arrivals[step] = self.arrived_seq = seq
        self.arrived_at = now
        self.asked.pop(step, None)
        self.results.pop(step, None)

    def note_mail(self, key: str, seq: int) -> None:
        known = self.sends.get(self.step, ())
        if key not in known:
            self.sends[self.step] = (*known, key)
            self.asked.setdefault(self.step, seq)

    def result(self, **values: Any) -> None:
        """Set what conditions read as `run.<step>.<name>`."""
        self.results[self.step] = values


def position_at(plan: p.Plan, start: str | None) -> Position:
    step = start or plan.first
    return Position(step, p.Target(step=step), named=step)
