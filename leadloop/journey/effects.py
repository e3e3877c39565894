"""What a turn writes besides the position. Plain data; `inbox.effects` carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from leadloop.language.plan import EventMatch, Value


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
    otherwise: str | None = None
    what: str = "lead"


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
    asks: tuple[str, ...] = ()
    asks_date: bool = False


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


@dataclass(frozen=True)
class WithdrawTask:
    """Take back a task that the journey goes on without."""

    task_key: str


@dataclass(frozen=True)
class TellOverdue:
    """Tell a person that a task is overdue."""

    notice_key: str
    task_key: str
    to: str


@dataclass(frozen=True)
class Notify:
    """Tell a person about the lead by a template."""

    notice_key: str
    step_id: str
    visit: int
    to: str
    template: str


@dataclass(frozen=True)
class AskCall:
    """Put an outside call in its outbox: a webhook, or a post to the team's chat."""

    call_key: str
    step_id: str
    visit: int
    kind: Literal["webhook", "chat"]
    to: str
    template: str | None = None


@dataclass(frozen=True)
class SetFields:
    step_id: str
    values: Mapping[str, Value]


@dataclass(frozen=True)
class ChangeTags:
    step_id: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subscribe:
    step_id: str
    visit: int
    topic: str
    basis: str


@dataclass(frozen=True)
class Unsubscribe:
    step_id: str
    visit: int
    topic: str


@dataclass(frozen=True)
class SuppressTopics:
    step_id: str
    visit: int
    topics: tuple[str, ...]
    reason: str
    lift_on: tuple[EventMatch, ...]


@dataclass(frozen=True)
class RecordFact:
    """Record an event about the lead."""

    step_id: str
    event: str
    properties: Mapping[str, Value]


@dataclass(frozen=True)
class EnrolIn:
    step_id: str
    visit: int
    scenario: str


@dataclass(frozen=True)
class NoteDraw:
    """Remember which arm of an experiment this run was drawn for; `rest` and `control` count too."""

    step_id: str
    visit: int
    draw_key: str
    """The same for every attempt of one draw."""
    variant: str


Effect = (
    AskMessage | DropMessage | AddScore | MoveStage | MakeOffer | EscalateOffer | AskStillWorking
    | SetWorkBy | ExpireOffer | BeginCycle | EndCooldown | MakeTask | MarkOverdue | WithdrawTask
    | TellOverdue | TellExit | Notify | AskCall | SetFields | ChangeTags | Subscribe | Unsubscribe
    | SuppressTopics | RecordFact | EnrolIn | NoteDraw
)  # fmt: skip
