"""The walk through a plan's steps within one turn: shared by all step handlers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from leadloop.conditions import SURROUNDINGS, EvaluationError, Facts, FactValue, evaluate
from leadloop.journey import calendar
from leadloop.journey.effects import Effect
from leadloop.journey.fact_values import result_dates, result_facts, wait_text
from leadloop.journey.failures import HeldCode
from leadloop.journey.state import Arm, JourneyFacts, JourneyState, Stop, effect_key
from leadloop.language.plan import (
    Branch,
    Calendar,
    ChangeMatch,
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

    def __init__(self, reason: str, code: HeldCode = HeldCode.OTHER) -> None:
        super().__init__(reason)
        self.code = code


@runtime_checkable
class MovingPast(Protocol):
    """A past that counts `since: STEP`, and must hear of the steps this turn has reached."""

    def arrived(self, arrivals: Mapping[str, int], facts: Facts) -> Any:
        """Return the same past with these arrivals, asked with these facts."""


@dataclass
class Walk:
    """One turn's walk. Handlers read facts, add effects and traces, and return where to go."""

    plan: Plan
    facts: JourneyFacts
    now: datetime
    state: JourneyState
    effects: list[Effect] = field(default_factory=list)
    trace: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0
    """Visits that this walk began."""
    _results_read: Mapping[str, Mapping[str, Any]] = field(init=False)
    """The results that are among the facts; the walk may have changed them since."""

    def __post_init__(self) -> None:
        self._results_read = self.state.results

    # --- position

    @property
    def visit(self) -> int:
        """How many times the current step was entered, from 1."""
        return self.state.visits.get(self.state.step, 0)

    def arrive(self, step_id: str) -> None:
        """Move to a step and count the visit."""
        self.steps += 1
        earlier = max(self.state.visits.get(step_id, 0), self.state.keyed_up_to.get(step_id, 0))
        visits = {**self.state.visits, step_id: earlier + 1}
        # Whoever looks back to this step means what comes after this visit, not after an earlier one.
        send_seq = {step: seq for step, seq in self.state.send_seq.items() if step != step_id}
        self._update(
            step=step_id,
            phase="",
            data={},
            visits=visits,
            send_seq=send_seq,
            arrived_at=self.now,
            arrived_seq=self.facts.lead_seq,
            arrivals={**self.state.arrivals, step_id: self.facts.lead_seq},
            # A new visit has keys of its own; the old name may be another step's by now.
            keyed_as={name: old for name, old in self.state.keyed_as.items() if name != step_id},
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
        more = 1 if casts > 1 else 0
        self.steps += more
        visits = self.state.visits.get(step, 0) + more
        self._update(visits={**self.state.visits, step: visits}, data={**self.state.data, "casts": casts})
        keyed_as = self.state.keyed_as.get(step)
        if keyed_as is not None:  # a step that has this id by now must not make the same keys
            self._update(keyed_up_to={**self.state.keyed_up_to, keyed_as: visits})

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

    def set_result(self, step_id: str | None = None, /, **values: Any) -> None:
        """Set what came of a step's last visit, the facts `run.<step>.<name>`; without values forget it.

        Plain data: a day is ISO 8601 text. By default of the current step.
        """
        step = step_id or self.state.step
        others = {name: one for name, one in self.state.results.items() if name != step}
        self._update(results={**others, step: values} if values else others)

    def set_round(self, repeat: str, number: int) -> None:
        """Note the round that a loop is in, from 1."""
        begun = tuple(name for name in self.state.begun if name != repeat)
        self._update(rounds={**self.state.rounds, repeat: number}, begun=(*begun, repeat))
        self.set_result(repeat, round=number)

    def forget_begun(self) -> None:
        """Say that something passed since the rounds began."""
        self._update(begun=())

    def _update(self, **changes: Any) -> None:
        self.state = self.state.model_copy(update=changes)

    # --- facts

    @property
    def values(self) -> Facts:
        """Every fact, with what this turn has added: results of steps, and arrivals for `since`."""
        zone = self.facts.zone
        values: dict[str, Any] = dict(self.facts.values)
        for name in result_facts(self._results_read, zone):
            values.pop(name, None)
        values.update(result_facts(self.state.results, zone))
        past = values.get(SURROUNDINGS)
        if isinstance(past, MovingPast):
            values[SURROUNDINGS] = past.arrived(self.state.arrivals, values)
        return values

    def wait_fact(self, name: str) -> object | None:
        """Return what a wait counts from: a day, a month or an instant; None where it is unknown."""
        results = self.state.results
        own = result_facts(results, self.facts.zone)
        if name in own or name in result_facts(self._results_read, self.facts.zone):
            return result_dates(results).get(name) or own.get(name)
        return self.facts.wait_fact(name)

    def is_true(self, expression: Expression) -> bool:
        """Evaluate a condition without tracing it. Unknown is not true. Raises `HoldError`."""
        values = self.values
        try:
            return evaluate(expression, values).truth is True
        except EvaluationError as error:
            raise self._failed(expression, values, error) from error

    def holds(self, expression: Expression, label: str) -> bool:
        """Evaluate a condition and trace it. Unknown is not true. Raises `HoldError`."""
        values = self.values
        try:
            verdict = evaluate(expression, values)
        except EvaluationError as error:
            raise self._failed(expression, values, error) from error
        self.say(label, result=verdict.truth, values=safe_values(expression, verdict.seen))
        return verdict.truth is True

    def _failed(self, expression: Expression, values: Facts, error: EvaluationError) -> HoldError:
        return HoldError(
            f"condition of `{self.state.step}` failed: {failed_words(expression, values, error)}",
            HeldCode.CONDITION_FAILED,
        )

    def say(self, did: str, **detail: Any) -> None:
        """Add a line to the trace. No personal values."""
        self.trace.append({"step": self.state.step, "did": did, **detail})

    # --- time

    def after(self, span: Span, business: Calendar | None = None) -> datetime:
        """Return the instant a span from now, in the lead's zone."""
        return calendar.add_span(self.now, span, self.facts.zone, business or self.facts.send_calendar)

    def resolve(self, wait: WaitSpec) -> tuple[datetime | None, Target | None]:
        """Return the instant a wait ends, or None and where to go because it is already past.

        Raises `HoldError` where it counts from a date that is not known.
        """
        resolved = self.resolved(wait)
        if resolved is None:
            name = wait.until.fact if wait.until else None
            text = f"`{self.state.step}` waits for `{name}`, and that date is not known"
            raise HoldError(text, HeldCode.UNKNOWN_DATE)
        if resolved.past:
            return None, wait.if_past
        return resolved.at, None

    def resolved(self, wait: WaitSpec) -> calendar.Resolved | None:
        """Return when a wait that begins now ends; None where it counts from an unknown date."""
        return calendar.resolve_wait(
            wait,
            start=self.now,
            zone=self.facts.zone,
            calendar=self.facts.send_calendar,
            fact=self.wait_fact,
        )

    def follow(self, fact: str | None) -> tuple[Arm, ...]:
        """Return the arm that tells when a wait's date is another; none where it cannot change.

        Fields of the lead and of the journey's record can; the event that began the journey cannot.
        """
        record = f"run.{self.plan.per}." if self.plan.per not in ("lead", "company") else None
        if fact is None or not fact.startswith(("lead.", record or "lead.")):
            return ()
        return (Arm(ChangeMatch(fact=fact, seen=wait_text(self.facts.wait_fact(fact))), 0),)

    # --- outside effects

    def key(self, part: str = "") -> str:
        """Return the key of an effect of this visit to the current step."""
        step = self.state.keyed_as.get(self.state.step, self.state.step)
        return effect_key(self.facts.enrolment_id, step, self.visit, part)

    def arm(self, match: Matcher, since: int | None = None) -> Arm:
        """Return the armed form of a branch: since the arrival; with `of`, since the send."""
        of = match.of if isinstance(match, EventMatch) else ()
        if not of:
            return Arm(match, self.state.arrived_seq if since is None else since)
        keys = tuple(key for step in of for key in self.state.sends.get(step, ()))
        if since is None:
            since = min(
                (self.state.send_seq[step] for step in of if step in self.state.send_seq),
                default=self.state.arrived_seq,
            )
        return Arm(match, since, keys)

    def arm_branch(self, branch: Branch) -> Arm:
        """Return the armed form of a branch, which may say how far back it looks."""
        return self.arm(branch.match, self._since(branch))

    def _since(self, branch: Branch) -> int | None:
        if branch.since is None:
            return None
        if branch.since == "entry":
            return 0  # arming never looks back beyond the journey's entry
        return self.state.arrivals.get(branch.since, self.state.arrived_seq)


def event_about(event: str, name: str, value: str) -> EventMatch:
    """Return a matcher for an event with one property, for the engine's own waits."""
    return EventMatch(event=event, properties=(PropertyMatch(name=name, values=(value,)),))


def wait_for(due_at: datetime | None, *arms: Arm) -> Stop:
    """Stop until an instant or an event."""
    return Stop("wait", due_at=due_at, arms=arms)


def failed_words(expression: Expression, facts: Facts, error: EvaluationError) -> str:
    """Return why a condition could not be evaluated, with the values it saw; no personal ones."""
    seen = safe_values(expression, {name: facts.get(name) for name in expression.variables})
    return (
        f"{error} ({', '.join(f'{name} = {value}' for name, value in seen.items())})" if seen else str(error)
    )


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
