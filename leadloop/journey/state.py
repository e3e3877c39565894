"""What `decide` reads and what it returns. All shapes are plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from leadloop.conditions import FactValue
from leadloop.journey.effects import Effect
from leadloop.journey.failures import HeldCode
from leadloop.language.plan import Armed, Calendar, Plan, PlanModel, Queue, Stream, Target


class JourneyState(PlanModel):
    """A journey's position. Stored on the enrolment as JSON, written by take_turn only."""

    step: str
    pending: Target | None = None
    """Where to go next in the same turn, once the turn's effects are applied."""
    phase: str = ""
    """What the current step waits for; empty before the step has begun."""
    data: dict[str, Any] = {}
    """The current step's own notes; dropped when the journey leaves the step."""
    arrived_at: datetime | None = None
    arrived_seq: int = 0
    """`lead_seq` at arrival: what came before does not count for this step."""
    visits: dict[str, int] = {}
    sends: dict[str, tuple[str, ...]] = {}
    """Step id -> send keys of its messages, oldest first."""
    send_seq: dict[str, int] = {}
    """Step id -> `lead_seq` when its first message was asked for."""
    send_status: dict[str, str] = {}
    """Step id -> status of its newest message."""
    results: dict[str, dict[str, Any]] = {}
    """Step id -> what came of its last visit, as plain data: the facts `run.<step>.<name>`."""
    rounds: dict[str, int] = {}
    """`repeat` step -> the round it is in, from 1."""
    begun: tuple[str, ...] = ()
    """`repeat` steps whose round began in this turn: nothing was waited for in it yet."""
    arrivals: dict[str, int] = {}
    """Step id -> `lead_seq` at its last arrival, for `since: STEP`."""
    keyed_as: dict[str, str] = {}
    """Step id -> the id it had when its visit began, after a move to another version: keys keep it."""
    keyed_up_to: dict[str, int] = {}
    """Step id -> the newest visit that has keys under this id, where a step of another id made them."""


@dataclass(frozen=True)
class JourneyFacts:
    """Everything outside the journey that a decision may depend on, as it is now."""

    enrolment_id: str
    values: Mapping[str, FactValue]
    """Dotted facts: `lead.*`, `run.*`. An unknown fact is absent."""
    lead_seq: int
    zone: ZoneInfo
    """The lead's, else the workspace's."""
    calendars: Mapping[str, Calendar]
    send_calendar: Calendar | None
    """Calendar of `business` units outside hand_off and task."""
    queues: Mapping[str, Queue]
    streams: Mapping[str, Stream]
    """Read live: of the current publication, not of the one the journey began with."""
    had_templates: frozenset[str] = frozenset()
    """Templates the lead was mailed, in any scenario."""
    open_deals: int = 0
    """The lead's own open deals."""
    dates: Mapping[str, str] = field(default_factory=dict)
    """Dotted facts that are days or months, as text (`2027-04-05`, `2027-04`), for waits: in
    `values` they are instants, for conditions."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Offer and task keys of this journey -> ids of their rows."""
    subject_key: str = ""
    """Whom the journey is unique for: the lead's id, or `company:<id>`."""
    record_key: str = ""
    """Key of the record the journey runs for, for `per: <record>`."""
    winners: Mapping[str, str] = field(default_factory=dict)
    """Experiment step -> the arm that won; absent while undecided."""

    def wait_fact(self, name: str) -> object | None:
        """Return what a wait counts from: a day, a month or an instant; None where it is unknown."""
        return self.dates.get(name) or self.values.get(name)


# --- causes: why a turn is taken ----------------------------------------------------------------


@dataclass(frozen=True)
class Started:
    """The first turn."""


@dataclass(frozen=True)
class BranchTaken:
    """An armed wait was satisfied."""

    branch: int
    seq: int = 0
    """`lead_seq` of the event."""
    event_type: str | None = None
    event_id: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TimedOut:
    """The instant that the journey waited for has come."""


@dataclass(frozen=True)
class MessageFinished:
    """The message that the journey asked for was sent, held, skipped, failed, or is uncertain."""

    status: str
    reason: str | None = None
    hold_until: datetime | None = None


@dataclass(frozen=True)
class CallFinished:
    """The outside call that the journey asked for is done, has failed for good, or is uncertain."""

    status: str
    code: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Continued:
    """The same turn goes on after its effects changed the lead."""


@dataclass(frozen=True)
class Moved:
    """The journey, waiting in a step of the same kind, goes on in another version of its scenario."""

    due_at: datetime | None = None
    """When the wait was to end."""


Cause = Started | BranchTaken | TimedOut | MessageFinished | CallFinished | Moved | Continued


# --- decisions ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arm:
    """One branch to wait for. Events with a greater `lead_seq` than `since_seq` count."""

    match: Armed
    since_seq: int
    send_keys: tuple[str, ...] = ()
    """Messages that `of` stands for."""


@dataclass(frozen=True)
class Stop:
    """Where the walk stops: `again` goes on in the same turn once the effects are applied."""

    kind: Literal["again", "send", "call", "wait", "end", "held"]
    send_key: str | None = None
    """Of the message to hand over, for `send`."""
    call_key: str | None = None
    """Of the outside call to make, for `call`."""
    due_at: datetime | None = None
    arms: tuple[Arm, ...] = ()
    outcome: str | None = None
    reason: str | None = None
    code: HeldCode = HeldCode.OTHER
    """Of a hold, with its `reason`."""


@dataclass(frozen=True)
class Again:
    """Apply the effects so far, then go on to the target with fresh facts, in the same turn."""

    target: Target


@dataclass(frozen=True)
class Decision:
    """The result of `decide`: nothing has happened yet, the caller carries it out."""

    state: JourneyState
    stop: Stop
    effects: tuple[Effect, ...]
    trace: tuple[dict[str, Any], ...]
    steps_walked: int
    shielded: bool
    """True while in a hand_off: goal and exit_when wait."""


def first_state(plan: Plan, entry_step: str | None) -> JourneyState:
    """Return the position of a journey that has not taken a turn."""
    step = entry_step or plan.first
    return JourneyState(step=step, pending=Target(step=step))


def renamed(state: JourneyState, names: Mapping[str, str]) -> JourneyState:
    """Return the same position in a version where steps have other names, old -> new.

    What is remembered of a step stays under its old name too: another step may be called so now.
    """

    def copied(values: dict[str, Any]) -> dict[str, Any]:
        return {**values, **{new: values[old] for old, new in names.items() if old in values}}

    changes: dict[str, Any] = {name: copied(getattr(state, name)) for name in _BY_STEP}
    step = names.get(state.step, state.step)
    for new in names.values():  # keys go by the number of the visit: none is used a second time
        if new != step and new in changes["visits"]:
            changes["visits"][new] = max(changes["visits"][new], state.visits.get(new, 0))
    if step != state.step:
        changes["keyed_as"] = {**state.keyed_as, step: state.keyed_as.get(state.step, state.step)}
        used = max(state.visits.get(step, 0), state.keyed_up_to.get(step, 0))
        changes["keyed_up_to"] = {**state.keyed_up_to, step: used}  # this visit goes on: the next is above
    pending = state.pending
    if pending is not None and pending.step is not None:
        pending = pending.model_copy(update={"step": names.get(pending.step, pending.step)})
    return state.model_copy(update={**changes, "step": step, "pending": pending})


_BY_STEP = ("visits", "sends", "send_seq", "send_status", "results", "rounds", "arrivals")


def effect_key(enrolment_id: str, step_id: str, visit: int, part: str = "") -> str:
    """Return the key of an outside effect: the same for every attempt, another for every visit."""
    text = "\x1f".join((enrolment_id, step_id, str(visit), part))
    return hashlib.sha256(text.encode()).hexdigest()[:40]
