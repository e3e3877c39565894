"""Journeys: the enrolment with its head, the ledger of turns, armed waits, wakes to send."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, false, text
from sqlmodel import Field, SQLModel

from leadloop.storage.columns import JSON_TYPE, UtcDateTime, enum_type, new_id
from leadloop.storage.partial import partial_index

_OPEN = text("status <> 'ended'")
_OF_RECORD = text("record_key <> ''")


class EnrolmentStatus(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    HELD = "held"
    ENDED = "ended"


class Enrolment(SQLModel, table=True):
    """One lead's run through one scenario. The head (last committed turn) stands on the row.

    Only `take_turn` writes position, plan, turn number and `next`. Others may write `status`,
    `outcome` and `end_reason` under the lock, and wake the journey.
    """

    __tablename__ = "enrolment"
    __table_args__ = (
        Index(
            "uq_enrolment_open",
            "scenario",
            "subject_key",
            "record_key",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("uq_enrolment_cause", "scenario", "cause_event_id", "lead_id", unique=True),
        Index(
            "ix_enrolment_due",
            "due_at",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        partial_index("ix_enrolment_fresh", "moved_at", where="status = 'running' AND turn_no = 0"),
        partial_index("ix_enrolment_acting", "moved_at", where="status = 'running' AND {kind} <> 'wait'"),
        partial_index("ix_enrolment_closing", "ended_at", where="status = 'ended' AND {kind} <> 'end'"),
        Index("ix_enrolment_lead", "lead_id", "status"),
        Index("ix_enrolment_subject", "subject_key", "scenario"),
        Index(
            "ix_enrolment_record",
            "record_key",
            sqlite_where=_OF_RECORD,
            postgresql_where=_OF_RECORD,
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    scenario: str
    plan_digest: str
    publication_id: str
    lead_id: str = Field(foreign_key="lead.id")
    company_id: str | None = None
    subject_key: str = ""
    """Whom an open journey is unique for: the lead's id, or `company:<id>`."""
    record_key: str = ""
    """Key of the record a journey runs for; empty for `per: lead` and `per: company`."""
    cause_event_id: str | None = None
    entry_step: str | None = None
    generation: int = 1
    status: EnrolmentStatus = Field(default=EnrolmentStatus.RUNNING, sa_type=enum_type(EnrolmentStatus))
    outcome: str | None = None
    end_reason: str | None = None
    held_reason: str | None = None
    """Why a person has to look at it; also while it is paused, when it will be held afterwards."""
    held_code: str | None = None
    """The same in a word, `journey.failures.HeldCode`."""
    turn_no: int = 0
    """Head: number of the last committed turn; 0 before the first."""
    state: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """`journey.state.JourneyState` as JSON."""
    next: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """`contracts.Next` of the head."""
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    shielded: bool = False
    """True while in its own hand_off: goal and exit_when wait."""
    entered_at: datetime = Field(sa_type=UtcDateTime)
    entered_seq: int = 0
    """`lead_seq` at entry: earlier events never count."""
    moved_at: datetime = Field(sa_type=UtcDateTime)
    """Instant of the last committed turn, in scenario time."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    swept_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the sweeper last restarted it, so that it waits before it does so again."""
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when its turn is asked for in vain: taking it raises an error. None once it was taken."""
    cycle: int = 0
    move_to: str | None = None
    """Digest of the plan this journey moves to in its next turn, or `finish`: end after this step.
    `lost:<digest>`: held, because that version lacks its step."""
    retry: bool = False
    """Held, and to try its step again in its next turn."""
    stops: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """What stops it (`sales`, `journey`, `scenario`) -> what its clock does meanwhile. It is `paused`
    while one of the last two is there."""
    locked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when its clock stands still, for a stop whose clock is `freeze` or `restart`."""
    clock_shift_seconds: int = 0
    """How much later than the head's `due_at` its wait ends, after its clock stood still."""


class Turn(SQLModel, table=True):
    """Ledger of turns: what caused each, what it did and saw. No personal values."""

    __tablename__ = "turn"

    enrolment_id: str = Field(foreign_key="enrolment.id", primary_key=True)
    turn_no: int = Field(primary_key=True)
    generation: int
    at: datetime = Field(sa_type=UtcDateTime)
    cause: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    trace: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON_TYPE)
    next: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)


class ArmedWait(SQLModel, table=True):
    """One branch of a waiting step. Set by take_turn, satisfied by whoever applies the event."""

    __tablename__ = "armed_wait"
    __table_args__ = (
        Index("ix_armed_wait_lead", "lead_id", "event_type"),
        partial_index("ix_armed_wait_satisfied", "satisfied_at", where="satisfied_at IS NOT NULL"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    enrolment_id: str = Field(foreign_key="enrolment.id", index=True)
    turn_no: int
    """The turn that armed it."""
    branch: int
    lead_id: str = Field(foreign_key="lead.id")
    event_type: str | None = None
    """None for a condition on the lead."""
    match: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """The compiled matcher."""
    message_ids: list[str] = Field(default_factory=list, sa_type=JSON_TYPE)
    """Messages that `of` stands for; empty where the matcher has no `of`."""
    since_seq: int
    """Only events with a greater `lead_seq` count."""
    satisfied_by: str | None = None
    """Event id; the first committed wins."""
    satisfied_seq: int | None = None
    satisfied_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Wake(SQLModel, table=True):
    """A journey whose workflow must hear that something changed. The relay sends and deletes it."""

    __tablename__ = "wake"
    __table_args__ = (Index("ix_wake_order", "bulk", "asked_at"),)

    enrolment_id: str = Field(foreign_key="enrolment.id", primary_key=True)
    token: str = Field(default_factory=new_id)
    """Changes at every request, so that a wake asked for while one is being sent is kept."""
    restart: bool = False
    """Start a new run in place of the old one: its generation is over."""
    bulk: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """The first one of a journey that began with many others at once; it lets single ones go first."""
    asked_at: datetime = Field(sa_type=UtcDateTime, index=True)
