"""Names and wire shapes between workflows and activities.

Only ids, numbers and codes travel through Temporal, never personal values. The shapes ignore
unknown fields and have defaults, so that two builds of leadloop can work side by side.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

JOURNEY_WORKFLOW = "JourneyWorkflow"
WAKE_SIGNAL = "wake"
TAKE_TURN = "take_turn"
SEND_MESSAGE = "send_message"
MAKE_CALL = "make_call"
WATERMARK_WORKFLOW = "WatermarkWorkflow"
MIRROR_SIGNAL = "mirror"

MOST_TOMBSTONES = 2000
MOST_REFUSALS = 4000
"""Erasures and refusals that a watermark remembers: the newest ones, about half a megabyte each at most.
Temporal takes two in one payload."""

SEARCH_ATTRIBUTES = SCENARIO, SCENARIO_VERSION, LEAD_ID = "Scenario", "ScenarioVersion", "LeadId"
"""Names of the search attributes of a journey; each is a keyword."""

TURN_GAP = "TurnGap"
"""Error type, not retried: the workflow asked for a turn beyond head + 1."""


class Wire(BaseModel):
    """Base of all wire shapes: tolerant of unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class JourneyInput(Wire):
    enrolment_id: str
    generation: int
    turn_no: int
    """The turn to ask for first."""


class Letter(Wire):
    """Which message is sent, in ids and names: enough to know it again where its row was lost."""

    send_key: str
    kind: str = "mail"
    step_id: str = ""
    visit: int = 1
    topic: str | None = None
    template: str = ""


class Next(Wire):
    """What a journey does after a turn. Stands on the enrolment; the workflow carries it out."""

    kind: Literal["send", "call", "wait", "end"]
    message_id: str | None = None
    letter: Letter | None = None
    """What the message is, for `send`."""
    call_id: str | None = None
    """Of the outside call to make, for `call`."""
    task_queue: str | None = None
    """Where the activity runs, with the limits below, in seconds."""
    timeout_seconds: float = 900
    heartbeat_seconds: float = 15
    retry_first_seconds: float = 1
    retry_most_seconds: float = 300
    due_at: datetime | None = None
    """Scenario instant of the timer; None waits for a wake only."""
    outcome: str | None = None


class TurnRequest(Wire):
    enrolment_id: str
    generation: int
    turn_no: int
    now: datetime
    """`workflow.now()`: a real instant."""


class TurnReply(Wire):
    status: Literal["committed", "not_yet", "superseded"]
    turn_no: int
    """Head: the turn whose `next` is to be carried out."""
    next: Next
    wait_seconds: float | None = None
    """Real seconds until `next.due_at`; None waits for a wake only."""
    summary: str = ""
    """What comes next in one line, for Temporal's pages: `thanks: send`."""
    details: str = ""
    """Where the journey is and what it waits for, for Temporal's pages, as Markdown."""
    attributes: dict[str, str] = {}
    """The search attributes as they should be; empty where they are not registered."""
    at: datetime | None = None
    """Real instant of an answer that was given before the workflow asked."""


class WakeSignal(Wire):
    reason: str = ""
    generation: int = 0
    turn: TurnReply | None = None
    """The turn of this generation that was taken before the workflow asked; None where it has to ask."""


class SendRequest(Wire):
    message_id: str
    generation: int
    turn_no: int | None = None
    """The turn that asked for it, for logs."""
    letter: Letter | None = None
    """Not for the sender, which reads the row: for whoever reads the history after a restore."""


class SendReply(Wire):
    status: str
    """A `MessageStatus`, or `superseded`."""
    turn: TurnReply | None = None
    """The turn that followed, taken before the workflow asked; None where it has to ask."""


class CallRequest(Wire):
    call_id: str
    generation: int
    turn_no: int | None = None
    """The turn that asked for it, for logs."""


class CallReply(Wire):
    status: str
    """A `CallStatus`, or `superseded`."""
    turn: TurnReply | None = None
    """As in `SendReply`."""


class JourneyResult(Wire):
    outcome: str
    turn_no: int


class ErasedLead(Wire):
    """That a lead was erased, in ids and HMACs."""

    lead_id: str
    erased_at: datetime
    identities: tuple[str, ...] = ()
    suppressed: tuple[str, ...] = ()


class RefusedTopic(Wire):
    """That a person refused a topic, or all of them (`*`)."""

    lead_id: str
    topic: str
    at: datetime


class Watermark(Wire):
    """How far a database was, kept outside it, so that an older copy of it is recognised."""

    database_id: str
    epoch: int = 1
    """Rises when an operator accepts an older database: the numbers begin anew."""
    handed_over: int = 0
    """Messages that were claimed, so far."""
    erased: int = 0
    """People that were erased, so far."""
    at: datetime
    """The latest instant at which the engine was known to run on this database."""
    tombstones: tuple[ErasedLead, ...] = ()
    """The newest erasures, oldest first."""
    refusals: tuple[RefusedTopic, ...] = ()
    """The newest refusals, oldest first."""
    origin: str = ""
    """Id of the report that the watermark began with: another one, and it was lost and begun anew."""

    def joined(self, newer: Watermark) -> Watermark:
        """Return what is known after another report: the higher numbers of one database and epoch."""
        if newer.database_id != self.database_id:
            return newer
        if newer.epoch < self.epoch:  # of a process that has not heard of the new epoch
            newer = newer.model_copy(update={"handed_over": 0, "erased": 0, "epoch": self.epoch})
        known = {one.lead_id: one for one in self.tombstones}
        known.update({one.lead_id: one for one in newer.tombstones})
        refused = {(one.lead_id, one.topic): one for one in (*self.refusals, *newer.refusals)}
        again = newer.epoch > self.epoch
        return newer.model_copy(
            update={
                "handed_over": newer.handed_over if again else max(self.handed_over, newer.handed_over),
                "erased": newer.erased if again else max(self.erased, newer.erased),
                "at": max(self.at, newer.at),
                "origin": self.origin,
                "tombstones": tuple(known.values())[-MOST_TOMBSTONES:],
                "refusals": tuple(refused.values())[-MOST_REFUSALS:],
            }
        )


JOURNEY_PREFIX = "journey-"


def journey_workflow_id(enrolment_id: str) -> str:
    """Return the workflow id of a journey."""
    return f"{JOURNEY_PREFIX}{enrolment_id}"


def enrolment_id_of(workflow_id: str) -> str:
    """Return the journey that a workflow id names."""
    return workflow_id.removeprefix(JOURNEY_PREFIX)


def journeys_queue(workspace: str) -> str:
    """Return the task queue of journey workflows; it carries the workspace's name."""
    return f"leadloop-{workspace}-journeys"


def email_queue(workspace: str, provider: str) -> str:
    """Return the task queue of one email provider's sender."""
    return f"leadloop-{workspace}-email-{provider}"


def integrations_queue(workspace: str) -> str:
    """Return the task queue of outside calls: webhooks, chat."""
    return f"leadloop-{workspace}-integrations"


def watermark_workflow_id(workspace: str) -> str:
    """Return the workflow id of a workspace's watermark."""
    return f"leadloop-watermark-{workspace}"
