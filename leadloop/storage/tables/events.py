"""The inbox of past facts, its de-duplication keys, and what time alone will cause."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from leadloop.storage.columns import JSON_TYPE, UtcDateTime, new_id


class Event(SQLModel, table=True):
    """A past fact. `subject_id` never changes; `lead_id` and `lead_seq` come when it is applied."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_lead_seq", "lead_id", "lead_seq"),
        Index("ix_event_lead_type", "lead_id", "type"),
        Index(
            "ix_event_nobody",
            "subject_id",
            sqlite_where=text("lead_id IS NULL AND applied_at IS NOT NULL"),
            postgresql_where=text("lead_id IS NULL AND applied_at IS NOT NULL"),
        ),
        Index(
            "ix_event_parked",
            "subject_id",
            sqlite_where=text("parked IS NOT NULL"),
            postgresql_where=text("parked IS NOT NULL"),
        ),
        Index(
            "ix_event_pending",
            "subject_id",
            sqlite_where=text("applied_at IS NULL"),
            postgresql_where=text("applied_at IS NULL"),
        ),
        Index(
            "ix_event_queue",
            "received_at",
            sqlite_where=text("applied_at IS NULL"),
            postgresql_where=text("applied_at IS NULL"),
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    subject_id: str
    """The lead it was reported for, or the visitor who has no name yet."""
    lead_id: str | None = None
    lead_seq: int | None = None
    type: str
    properties: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    identity: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """Lead fields that came with it (a form's name and company), written when it is applied."""
    source: str
    """`api`, `form`, `tracking`, `sales`, `import`, `engine`; `visitor`: from before the lead was known."""
    trust: str = "likely"
    """`verified` (form, login, reply, CRM), `likely` (clicks that pass the scanner rules), `any`."""
    occurred_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    applied_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    parked: str | None = None
    """Why it could not be applied; the lead's later events go on."""
    message_id: str | None = Field(default=None, index=True)
    """The message it belongs to (open, click, bounce)."""
    causation_id: str | None = None
    depth: int = 0
    """How many derived events led to it; at most 20."""


class EventKey(SQLModel, table=True):
    """De-duplication of events from outside, apart so that `event` can be partitioned by time."""

    __tablename__ = "event_key"

    source: str = Field(primary_key=True)
    external_id: str = Field(primary_key=True)
    body_hmac: str
    event_id: str


class Due(SQLModel, table=True):
    """Something that time alone will cause: a band crossing by decay, the end of a cool-down, an entry."""

    __tablename__ = "due"

    key: str = Field(primary_key=True)
    """`decay:<lead>:<model>`, `cooldown:<lead>`, `segments:<lead>`,
    `entry:<scenario>:<entry>:<lead>:<record>`;
    rewritten in place."""
    lead_id: str = Field(foreign_key="lead.id", index=True)
    kind: str
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """What the kind needs to know: for an entry the scenario, its number, the record, the day."""
