"""Compiled steps: one shape per kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from leadloop.language.plan.base import COMPLETED, PlanModel, Span, Target, Value
from leadloop.language.plan.matchers import Did, EventMatch, Expression, Matcher
from leadloop.language.plan.waits import WaitSpec


class StepBase(PlanModel):
    id: str
    title: str = ""
    journey_stage: str | None = None
    line: int = 0
    """Line in the scenario file, for graphs and `why`."""
    next: Target = Target(exit=COMPLETED)


class SendStep(StepBase):
    """A mail: of one template, or the next item of a stream."""

    kind: Literal["send"] = "send"
    template: str | None = None
    stream: str | None = None
    """Exactly one of the two. With a stream, nothing left to send counts as skipped."""
    topic: str
    subject: str | None = None
    late: Span | None = None
    on_late: Literal["send", "skip"] = "send"
    on_skip: Target
    on_fail: Target
    holds: bool = False
    """No `on_fail` was written: a failure that a person must look at holds the journey."""


class WaitStep(StepBase):
    kind: Literal["wait"] = "wait"
    wait: WaitSpec


class Branch(PlanModel):
    match: Matcher
    go: Target
    since: str | None = None
    """`entry` or a step id: look back that far. None: to the send of `of`, else to the arrival."""


class AwaitStep(StepBase):
    kind: Literal["await"] = "await"
    branches: tuple[Branch, ...]
    timeout: WaitSpec | None
    """None only where the author wrote `never`."""
    on_timeout: Target


class IfStep(StepBase):
    kind: Literal["if"] = "if"
    condition: Expression
    then: Target
    otherwise: Target


class Case(PlanModel):
    """One arm of a `switch`."""

    when: Expression
    go: Target


class SwitchStep(StepBase):
    """The first case whose condition is true."""

    kind: Literal["switch"] = "switch"
    cases: tuple[Case, ...]
    otherwise: Target


class Variant(PlanModel):
    """One arm of an experiment: its share of the draw in hundredths of a percent."""

    name: str
    share: int
    go: Target


class Rest(PlanModel):
    """What those do who were not drawn: wait, then take the arm that won."""

    after: Span
    min_sends: int = 0
    """Fewer draws than this over all arms: `tie` is taken."""
    tie: str


class ExperimentStep(StepBase):
    """A draw between arms, the same for the same person or run, and a winner for the rest.

    The draw is a hash, not chance: 10,000 parts; the control group first, then the arms in their
    order, then the rest.
    """

    kind: Literal["experiment"] = "experiment"
    metric: Did
    """`within` counts from each draw."""
    draw: Literal["lead", "run"] = "run"
    control: int = 0
    """Share that gets nothing and goes on at `next`, in hundredths of a percent."""
    variants: tuple[Variant, ...]
    rest: Rest | None = None


class ScoreStep(StepBase):
    kind: Literal["score"] = "score"
    model: str
    points: int
    reason: str = ""


class StageStep(StepBase):
    kind: Literal["stage"] = "stage"
    stage: str


class SetStep(StepBase):
    """Writes fields of the lead."""

    kind: Literal["set"] = "set"
    fields: dict[str, Value]
    """Field name (built-in or declared) -> value; a date as ISO 8601 text."""


class TagStep(StepBase):
    kind: Literal["tag"] = "tag"
    tags: tuple[str, ...]


class UntagStep(StepBase):
    kind: Literal["untag"] = "untag"
    tags: tuple[str, ...]


class SubscribeStep(StepBase):
    """Writes a permission to mail a topic, with its legal basis."""

    kind: Literal["subscribe"] = "subscribe"
    topic: str
    basis: Literal["opt_in", "card", "customer", "published", "request"]


class UnsubscribeStep(StepBase):
    """Writes the person's refusal of a topic: only the person can take it back."""

    kind: Literal["unsubscribe"] = "unsubscribe"
    topic: str
    """A topic, or `*` for all."""


class SuppressStep(StepBase):
    """Stops mailing topics for a reason of ours; an event of `lift_on` ends it."""

    kind: Literal["suppress"] = "suppress"
    topics: tuple[str, ...]
    reason: str
    lift_on: tuple[EventMatch, ...] = ()


class RecordStep(StepBase):
    """Records a fact about the lead, as an event that other scenarios see."""

    kind: Literal["record"] = "record"
    event: str
    properties: dict[str, Value] = {}


class EnrolStep(StepBase):
    """Enters the lead into another scenario, which has `{manual: true}` among its entries."""

    kind: Literal["enrol"] = "enrol"
    scenario: str


class NotifyStep(StepBase):
    """Tells a person about the lead; does not wait for an answer."""

    kind: Literal["notify"] = "notify"
    to: str
    """`owner`, `slack`, or a mail address."""
    template: str


class WebhookStep(StepBase):
    """Calls a declared webhook and waits until it is done or has failed for good."""

    kind: Literal["webhook"] = "webhook"
    to: str
    on_fail: Target
    holds: bool = False
    """No `on_fail` was written: a call that failed holds the journey."""


class RepeatStep(StepBase):
    """Begins a loop: `first` up to `most` times while the condition is true, then `next`."""

    kind: Literal["repeat"] = "repeat"
    most: int
    condition: Expression | None = None
    first: Target


class AgainStep(StepBase):
    """The end of a loop's body: counts the round and goes back to its `repeat`. Made by the compiler."""

    kind: Literal["again"] = "again"
    repeat: str
    first: Target
    """The first step of the body."""


class StreamStep(StepBase):
    kind: Literal["stream"] = "stream"
    stream: str
    topic: str
    every: Span
    until: Expression | None = None
    go: Target | None = None
    """Where to go when `until` is true; None continues with the next step."""
    on_exhausted: Target


class HandOffStep(StepBase):
    kind: Literal["hand_off"] = "hand_off"
    what: Literal["lead", "company"] = "lead"
    queue: str
    """`owner`, `company_owner`, or a queue."""
    otherwise: str | None = None
    """The queue used when `queue` names nobody."""
    accept_within: Span | None = None
    escalate_to: str | None = None
    work_within: Span | None = None
    on_rejected: Target
    on_expired: Target
    on_won: Target
    on_lost: Target


class RecycleStep(StepBase):
    kind: Literal["recycle"] = "recycle"
    until: str | None = None
    """Dotted name of the date that sales gave, for example `run.entry.revisit_on`."""
    cooldown: dict[str, Span] = {}
    """Lost reason -> length; `default` is always present after compiling."""
    bypass: tuple[Branch, ...] = ()
    score: dict[str, Literal["reset", "keep"]] = {}
    max_cycles: int | None = None
    on_max: Target


class Retry(PlanModel):
    """After one of the outcomes `on` the task is given again, `every` so long, `max` times in all."""

    on: tuple[str, ...]
    max: int
    every: Span


class TaskStep(StepBase):
    kind: Literal["task"] = "task"
    type: Literal["call", "visit", "post", "other"]
    to: str
    """`owner`, `last_owner`, a queue, or a mail address."""
    otherwise: str | None = None
    """The queue used when `to` names nobody."""
    task_title: str = ""
    due: Span
    outcomes: tuple[str, ...]
    on: dict[str, Target]
    """Every outcome -> target."""
    asks: tuple[str, ...] = ()
    """Lead fields that whoever does the task is asked for."""
    asks_date: bool = False
    """Asks for a date too: `run.<step>.date`."""
    retry: Retry | None = None
    on_overdue: Target | None = None
    """Where to go when nobody did it by `due`; None leaves the task open."""
    notify_overdue: str | None = None
    """Mail address that is told when it is overdue."""


class GoStep(StepBase):
    kind: Literal["go"] = "go"


class ExitStep(StepBase):
    kind: Literal["exit"] = "exit"


Step = Annotated[
    SendStep
    | WaitStep
    | AwaitStep
    | IfStep
    | SwitchStep
    | ExperimentStep
    | ScoreStep
    | TagStep
    | UntagStep
    | SetStep
    | StageStep
    | SubscribeStep
    | UnsubscribeStep
    | SuppressStep
    | RecordStep
    | EnrolStep
    | StreamStep
    | HandOffStep
    | RecycleStep
    | WebhookStep
    | NotifyStep
    | TaskStep
    | RepeatStep
    | AgainStep
    | GoStep
    | ExitStep,
    Field(discriminator="kind"),
]
