"""The walk through a plan's steps within one turn: shared by all step handlers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leadloop.conditions import EvaluationError, FactValue, evaluate
from leadloop.journey import calendar
from leadloop.journey.effects import Effect
from leadloop.journey.state import Arm, JourneyFacts, JourneyState, Stop, effect_key
from leadloop.language.plan import (
    Calendar,
    EventMatch,
    Expression,
    Matcher,
    Plan,
    PropertyMatch,
    Span,
    Target,
    WaitSpec,
)


class HoldError(Exception):
    """The journey cannot go on until a person acts; the text says why, without personal values."""


@dataclass
class Walk:
    """One turn's walk. Handlers read facts, add effects and traces, and return where to go."""

    plan: Plan
    facts: JourneyFacts
    now: datetime
    state: JourneyState
    effects: list[Effect] = field(default_factory=list)
    trace: list[dict[str, Any]] = field(default_factory=list)

    # --- position

    @property
    def visit(self) -> int:
        """How many times the current step was entered, from 1."""
        return self.state.visits.get(self.state.step, 0)

    def arrive(self, step_id: str) -> None:
        """Move to a step and count the visit."""
        visits = {**self.state.visits, step_id: self.state.visits.get(step_id, 0) + 1}
        self._update(
            step=step_id,
            phase="",
            data={},
            visits=visits,
            arrived_at=self.now,
            arrived_seq=self.facts.lead_seq,
        )

    def set_pending(self, target: Target) -> None:
        """Note where the same turn goes on once its effects are applied."""
        self._update(pending=target)

    def take_pending(self) -> Target | None:
        """Return what `set_pending` noted, and forget it."""
        target = self.state.pending
        self._update(pending=None)
        return target

    def set_phase(self, phase: str, **data: Any) -> None:
        """Note what the current step waits for, and anything it needs to remember."""
        self._update(phase=phase, data={**self.state.data, **data})

    def count_cast(self) -> None:
        """Count one more visit of the current step without leaving it, for its next message."""
        step = self.state.step
        casts = int(self.state.data.get("casts", 0)) + 1
        visits = self.state.visits.get(step, 0) + (1 if casts > 1 else 0)
        self._update(visits={**self.state.visits, step: visits}, data={**self.state.data, "casts": casts})

    def note_send(self, send_key: str) -> None:
        """Remember a message of the current step, for `of`."""
        step = self.state.step
        known = self.state.sends.get(step, ())
        if send_key not in known:
            seqs = {**self.state.send_seq}
            seqs.setdefault(step, self.facts.lead_seq)
            self._update(sends={**self.state.sends, step: (*known, send_key)}, send_seq=seqs)

    def note_send_status(self, status: str) -> None:
        """Remember how the current step's newest message ended."""
        self._update(send_status={**self.state.send_status, self.state.step: status})

    def _update(self, **changes: Any) -> None:
        self.state = self.state.model_copy(update=changes)

    # --- facts

    def holds(self, expression: Expression, label: str) -> bool:
        """Evaluate a condition and trace it. Unknown is not true. Raises `HoldError`."""
        try:
            verdict = evaluate(expression, self.facts.values)
        except EvaluationError as error:
            raise HoldError(f"condition of `{self.state.step}` failed: {error}") from error
        self.say(label, result=verdict.truth, values=safe_values(expression, verdict.seen))
        return verdict.truth is True

    def say(self, did: str, **detail: Any) -> None:
        """Add a line to the trace. No personal values."""
        self.trace.append({"step": self.state.step, "did": did, **detail})

    # --- time

    def after(self, span: Span, business: Calendar | None = None) -> datetime:
        """Return the instant a span from now, in the lead's zone."""
        return calendar.add_span(self.now, span, self.facts.zone, business or self.facts.send_calendar)

    def resolve(self, wait: WaitSpec) -> tuple[datetime | None, Target | None]:
        """Return the instant a wait ends, or None and where to go because it is already past."""
        resolved = calendar.resolve_wait(
            wait,
            start=self.now,
            zone=self.facts.zone,
            calendar=self.facts.send_calendar,
            fact=self.facts.wait_fact,
        )
        if resolved is None:
            raise HoldError(f"`{self.state.step}` waits for a date that is not known")
        if resolved.past:
            return None, wait.if_past
        return resolved.at, None

    # --- outside effects

    def key(self, part: str = "") -> str:
        """Return the key of an effect of this visit to the current step."""
        return effect_key(self.facts.enrolment_id, self.state.step, self.visit, part)

    def arm(self, match: Matcher, since: int | None = None) -> Arm:
        """Return the armed form of a branch: since the arrival; with `of`, since the send."""
        of = match.of if isinstance(match, EventMatch) else ()
        if not of:
            return Arm(match, self.state.arrived_seq if since is None else since)
        keys = tuple(key for step in of for key in self.state.sends.get(step, ()))
        since = min(
            (self.state.send_seq[step] for step in of if step in self.state.send_seq),
            default=self.state.arrived_seq,
        )
        return Arm(match, since, keys)


def event_about(event: str, name: str, value: str) -> EventMatch:
    """Return a matcher for an event with one property, for the engine's own waits."""
    return EventMatch(event=event, properties=(PropertyMatch(name=name, values=(value,)),))


def wait_for(due_at: datetime | None, *arms: Arm) -> Stop:
    """Stop until an instant or an event."""
    return Stop("wait", due_at=due_at, arms=arms)


def safe_values(expression: Expression, seen: dict[str, FactValue | None]) -> dict[str, Any]:
    """Return the values a condition saw, fit for traces: free text shows as known or unknown."""
    return {name: _safe(name, expression.variables.get(name, "text"), value) for name, value in seen.items()}


def _safe(name: str, kind: str, value: FactValue | None) -> Any:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    impersonal = kind != "text" or name.startswith("lead.band.") or name in _IMPERSONAL
    return value if impersonal else "(known)"


_IMPERSONAL = frozenset(
    {"lead.stage", "lead.country", "lead.locale", "lead.timezone", "lead.company.stage", "run.entry.reason",
     "run.entry.form"}
)  # fmt: skip
