"""What `decide` reads and what it returns. All shapes are plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from leadloop.conditions import FactValue
from leadloop.language.plan import Calendar, Matcher, Plan, PlanModel, Queue, Stream, Target


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
class Continued:
    """The same turn goes on after its effects changed the lead."""


Cause = Started | BranchTaken | TimedOut | MessageFinished | Continued


# --- effects: what a turn writes besides the position --------------------------------------------


@dataclass(frozen=True)
class AskMessage:
    """Put a mail to the lead in the outbox, or open a held one again."""

    send_key: str
    step_id: str
    visit: int
    template: str
    topic: str
    subject: str | None = None


@dataclass(frozen=True)
class DropMessage:
    """Skip a held message for good."""

    send_key: str
    reason: str


@dataclass(frozen=True)
class AddScore:
    step_id: str
    visit: int
    model: str
    points: int
    reason: str


@dataclass(frozen=True)
class MoveStage:
    step_id: str
    stage: str


@dataclass(frozen=True)
class MakeOffer:
    """Offer the lead to a queue; the assignee gets the notice."""

    offer_key: str
    notice_key: str
    step_id: str
    visit: int
    queue: str
    accept_by: datetime | None


@dataclass(frozen=True)
class EscalateOffer:
    offer_key: str
    notice_key: str
    to: str
    accept_by: datetime | None


@dataclass(frozen=True)
class AskStillWorking:
    offer_key: str
    notice_key: str


@dataclass(frozen=True)
class SetWorkBy:
    offer_key: str
    work_by: datetime | None


@dataclass(frozen=True)
class ExpireOffer:
    offer_key: str


@dataclass(frozen=True)
class BeginCycle:
    """Take a lost lead back: cool-down, scores, one more cycle."""

    step_id: str
    until: datetime
    resets: tuple[str, ...]


@dataclass(frozen=True)
class EndCooldown:
    step_id: str


@dataclass(frozen=True)
class MakeTask:
    task_key: str
    notice_key: str
    step_id: str
    visit: int
    type: str
    title: str
    to: str
    otherwise: str | None
    outcomes: tuple[str, ...]
    due_at: datetime


@dataclass(frozen=True)
class MarkOverdue:
    task_key: str


@dataclass(frozen=True)
class TellExit:
    """Tell a person that this journey ended in this way."""

    notice_key: str
    step_id: str
    visit: int
    to: str
    outcome: str


Effect = (
    AskMessage | DropMessage | AddScore | MoveStage | MakeOffer | EscalateOffer | AskStillWorking
    | SetWorkBy | ExpireOffer | BeginCycle | EndCooldown | MakeTask | MarkOverdue | TellExit
)  # fmt: skip


# --- decisions ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arm:
    """One branch to wait for. Events with a greater `lead_seq` than `since_seq` count."""

    match: Matcher
    since_seq: int
    send_keys: tuple[str, ...] = ()
    """Messages that `of` stands for."""


@dataclass(frozen=True)
class Stop:
    """Where the walk stops: `again` goes on in the same turn once the effects are applied."""

    kind: Literal["again", "send", "wait", "end", "held"]
    send_key: str | None = None
    """Of the message to hand over, for `send`."""
    due_at: datetime | None = None
    arms: tuple[Arm, ...] = ()
    outcome: str | None = None
    reason: str | None = None


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


def effect_key(enrolment_id: str, step_id: str, visit: int, part: str = "") -> str:
    """Return the key of an outside effect: the same for every attempt, another for every visit."""
    text = "\x1f".join((enrolment_id, step_id, str(visit), part))
    return hashlib.sha256(text.encode()).hexdigest()[:40]
