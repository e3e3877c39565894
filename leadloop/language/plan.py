"""The compiled, immutable form of a workspace: what the engine runs.

The compiler in `leadloop.language` makes these objects from YAML; every other layer only reads
them. They are stored as JSON, so an older plan must stay readable: unknown fields are ignored,
new fields need defaults, and a change of meaning raises `FORMAT`.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1
"""Version of the plan's meaning. `publish` refuses a plan that a live worker cannot run."""

COMPLETED = "completed"
"""Outcome of a journey that reaches the end of its list of steps."""

Unit = Literal[
    "seconds",
    "minutes",
    "hours",
    "days",
    "weeks",
    "months",
    "business_minutes",
    "business_hours",
    "business_days",
]
FactType = Literal["int", "bool", "text", "texts", "instant"]
FieldType = Literal["text", "int", "bool", "date", "datetime", "enum"]


class PlanModel(BaseModel):
    """Base of all compiled shapes: frozen, and tolerant of fields of newer versions."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Span(PlanModel):
    """A length of time. A day is a calendar day in the lead's zone; 24 hours are 24 hours."""

    amount: int
    unit: Unit


class Expression(PlanModel):
    """A CEL condition with the facts it reads (dotted name -> type)."""

    source: str
    variables: dict[str, FactType] = {}


class Target(PlanModel):
    """Where a journey goes next: exactly one of a step id and an exit outcome."""

    step: str | None = None
    exit: str | None = None
    notify: str | None = None
    """Mail address that is told when this exit is taken."""


# --- matchers ---------------------------------------------------------------------------------


class PropertyMatch(PlanModel):
    """One property of an event: one of `values`, or text that starts with `prefix`."""

    name: str
    values: tuple[str | int | bool, ...] = ()
    prefix: str | None = None


class EventMatch(PlanModel):
    """Matches an event by type, properties, the send it belongs to, and a condition."""

    kind: Literal["event"] = "event"
    event: str
    properties: tuple[PropertyMatch, ...] = ()
    of: tuple[str, ...] = ()
    """Step ids of sends: the event must belong to one of their messages."""
    where: Expression | None = None


class StageMatch(PlanModel):
    """Matches when the lead moves to one of the stages."""

    kind: Literal["stage"] = "stage"
    stages: tuple[str, ...]


class WhenMatch(PlanModel):
    """Matches when a condition on the lead is true; looked at again when the lead changes."""

    kind: Literal["when"] = "when"
    when: Expression


Matcher = Annotated[EventMatch | StageMatch | WhenMatch, Field(discriminator="kind")]


# --- waits ------------------------------------------------------------------------------------


class Until(PlanModel):
    """An instant named by a fact (`run.entry.revisit_on - 1 day`), a weekday, or a date."""

    fact: str | None = None
    """Dotted name of a date or instant, for example `run.entry.revisit_on`."""
    offset: Span | None = None
    """Added to the fact; a negative amount goes back."""
    weekday: int | None = None
    """0 is Monday. The next such day; today only if `at` is still to come."""
    on: date | None = None


class WaitSpec(PlanModel):
    """Any form of wait: a span, a span that ends at a time of day, or a named instant."""

    span: Span | None = None
    until: Until | None = None
    at: str | None = None
    """`HH:MM` in the lead's zone."""
    if_past: Target | None = None
    """Where to go when the instant is already past; None continues with the next step."""


# --- steps ------------------------------------------------------------------------------------


class StepBase(PlanModel):
    id: str
    title: str = ""
    journey_stage: str | None = None
    line: int = 0
    """Line in the scenario file, for graphs and `why`."""
    next: Target = Target(exit=COMPLETED)


class SendStep(StepBase):
    kind: Literal["send"] = "send"
    template: str
    topic: str
    subject: str | None = None
    late: Span | None = None
    on_late: Literal["send", "skip"] = "send"
    on_skip: Target
    on_fail: Target


class WaitStep(StepBase):
    kind: Literal["wait"] = "wait"
    wait: WaitSpec


class Branch(PlanModel):
    match: Matcher
    go: Target


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


class ScoreStep(StepBase):
    kind: Literal["score"] = "score"
    model: str
    points: int
    reason: str = ""


class StageStep(StepBase):
    kind: Literal["stage"] = "stage"
    stage: str


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
    queue: str
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


class GoStep(StepBase):
    kind: Literal["go"] = "go"


class ExitStep(StepBase):
    kind: Literal["exit"] = "exit"


Step = Annotated[
    SendStep
    | WaitStep
    | AwaitStep
    | IfStep
    | ScoreStep
    | StageStep
    | StreamStep
    | HandOffStep
    | RecycleStep
    | TaskStep
    | GoStep
    | ExitStep,
    Field(discriminator="kind"),
]


class Entry(PlanModel):
    match: Matcher
    start: str | None = None
    """Step to begin with; None begins with the first."""


class Reentry(PlanModel):
    mode: Literal["never", "after_exit", "always"] = "after_exit"
    cooldown: Span | None = None


class Plan(PlanModel):
    """One compiled scenario. `steps` is flat; nesting became targets."""

    format: int = FORMAT
    scenario: str
    title: str = ""
    topic: str
    priority: int = 50
    group: str | None = None
    entry: tuple[Entry, ...]
    audience: Expression | None = None
    reentry: Reentry = Reentry()
    goal: tuple[Matcher, ...] = ()
    exit_when: tuple[Matcher, ...] = ()
    first: str
    steps: dict[str, Step]


# --- scoring, lifecycle, streams ----------------------------------------------------------------


class AtMost(PlanModel):
    """At most `count` matches count per day (lead's zone), per message, or per span."""

    count: int
    per: Literal["day", "message"] | Span


class Every(PlanModel):
    """Only every `times`-th match within the span counts."""

    times: int
    within: Span


class ScoreRule(PlanModel):
    id: str
    match: EventMatch
    points: int
    at_most: AtMost | None = None
    every: Every | None = None


class ScoreAttribute(PlanModel):
    id: str
    when: Expression
    points: int


class ScoreModel(PlanModel):
    rules: tuple[ScoreRule, ...] = ()
    attributes: tuple[ScoreAttribute, ...] = ()
    trust: Literal["verified", "likely", "any"] = "likely"
    half_life: Span | None = None
    cap: int | None = None


class Bands(PlanModel):
    """Levels from high to low: (name, lower limit). A band is left downwards `hysteresis` below."""

    levels: tuple[tuple[str, int], ...]
    hysteresis: int = 0


class Scoring(PlanModel):
    models: dict[str, ScoreModel] = {}
    bands: dict[str, Bands] = {}


class Transition(PlanModel):
    id: str
    source: tuple[str, ...] | None = None
    """Stages it starts from; None means any."""
    to: str
    event: EventMatch | None = None
    when: Expression | None = None


class Lifecycle(PlanModel):
    stages: tuple[str, ...] = ("lead",)
    transitions: tuple[Transition, ...] = ()


class StreamItem(PlanModel):
    template: str
    when: Expression | None = None
    from_day: date | None = None
    until_day: date | None = None


class Stream(PlanModel):
    order: Literal["listed", "newest"] = "listed"
    items: tuple[StreamItem, ...]


# --- workspace --------------------------------------------------------------------------------


class FieldSpec(PlanModel):
    type: FieldType
    values: tuple[str, ...] = ()


class Sender(PlanModel):
    name: str
    address: str
    reply_to: str | None = None
    postal_address: str = ""
    complaint_contact: str = ""


class Form(PlanModel):
    title: str = ""
    inquiry: bool = False


class Topic(PlanModel):
    title: str = ""
    basis: tuple[Literal["opt_in", "card", "customer", "published", "request"], ...]
    window: str | None = None
    """`always` sends at any hour; None uses the workspace's send window."""
    caps: Literal["count", "exempt"] = "count"


class Calendar(PlanModel):
    """Business hours. `closed` holds (MM-DD, MM-DD) ranges, both ends closed."""

    holidays: str | None = None
    closed: tuple[tuple[str, str], ...] = ()
    open: dict[int, tuple[tuple[str, str], ...]]
    """Weekday (0 is Monday) -> open ranges `HH:MM`-`HH:MM`."""


class Frequency(PlanModel):
    count: int
    per: Span


class SendWindow(PlanModel):
    calendar: str
    timezone: Literal["lead", "workspace"] = "lead"


class Limits(PlanModel):
    frequency: dict[str, Frequency] = {}
    """Topic or `all` -> cap."""
    send_window: SendWindow | None = None


class Queue(PlanModel):
    members: dict[str, int | None]
    """Mail address -> capacity (open offers); None has no limit."""
    assign: tuple[Literal["company_owner", "last_owner", "round_robin"], ...] = ("round_robin",)
    calendar: str | None = None


class Workspace(PlanModel):
    name: str
    timezone: str = "UTC"
    locale: str = "en"
    sender: Sender
    lead_fields: dict[str, FieldSpec] = {}
    forms: dict[str, Form] = {}
    tags: tuple[str, ...] = ()
    events: dict[str, dict[str, FieldSpec]] = {}
    """Declared and built-in events -> their properties."""
    topics: dict[str, Topic] = {}
    calendars: dict[str, Calendar] = {}
    limits: Limits = Limits()
    queues: dict[str, Queue] = {}
    lost_reasons: dict[str, str] = {}


class Publication(PlanModel):
    """Everything that goes live together."""

    workspace: Workspace
    scoring: Scoring = Scoring()
    lifecycle: Lifecycle = Lifecycle()
    streams: dict[str, Stream] = {}
    plans: dict[str, Plan] = {}
    templates: dict[str, str] = {}
    """Path below `templates/` (`whitepaper/thanks.ja.md`, `layouts/default.ja.html.j2`) -> text."""
    sources: dict[str, str] = {}
    """Path below the workspace -> YAML text, as published."""

    def digests(self) -> dict[str, str]:
        """Return the digest tree: one digest per part, for example `plan:whitepaper-nurture`."""
        streams = {name: stream.model_dump(mode="json") for name, stream in self.streams.items()}
        tree = {
            "workspace": digest(self.workspace),
            "scoring": digest(self.scoring),
            "lifecycle": digest(self.lifecycle),
            "streams": digest_text(canonical(streams)),
        }
        tree.update({f"plan:{name}": digest(plan) for name, plan in self.plans.items()})
        tree.update({f"template:{name}": digest_text(text) for name, text in self.templates.items()})
        tree.update({f"source:{name}": digest_text(text) for name, text in self.sources.items()})
        return tree

    def digest(self) -> str:
        """Return the digest of the whole publication."""
        return digest_text(canonical(self.digests()))


def canonical(value: object) -> str:
    """Return JSON text that is the same for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(model: PlanModel) -> str:
    """Return the SHA-256 hex digest of a compiled shape. Line numbers do not count: a comment that
    moves them changes nothing."""
    document = model.model_dump(mode="json")
    for step in document["steps"].values() if isinstance(model, Plan) else ():
        del step["line"]
    return digest_text(canonical(document))


def digest_text(text: str) -> str:
    """Return the SHA-256 hex digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
