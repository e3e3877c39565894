"""The outbox: one row per mail that a step sends, and the links it carries."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from leadloop.storage.columns import UtcDateTime, enum_type, new_id


class MessageStatus(StrEnum):
    NEW = "new"
    SENDING = "sending"
    SENT = "sent"
    HELD = "held"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Message(SQLModel, table=True):
    """One mail, keyed by `send_key`: never by attempt, so a retry finds the same row.

    `new -> sending -> sent | failed | uncertain`; `new -> held -> new`; `new -> skipped`.
    A row in `sending` that a dead attempt left behind becomes `uncertain`: it counts as sent.
    """

    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_lead", "lead_id", "status"),
        Index("ix_message_status", "status"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    send_key: str = Field(unique=True)
    kind: str = "mail"
    """`mail` to the lead, `notice` to a sales person."""
    enrolment_id: str = Field(foreign_key="enrolment.id", index=True)
    publication_id: str
    step_id: str
    visit: int
    lead_id: str = Field(foreign_key="lead.id")
    scenario: str
    topic: str | None = None
    """None for a notice."""
    template: str
    subject_override: str | None = None
    to_address: str | None = None
    """Set for a notice; a mail goes to the lead's address at the time of rendering."""
    reference: str | None = None
    """Id of the offer or task that a notice is about."""
    status: MessageStatus = Field(default=MessageStatus.NEW, sa_type=enum_type(MessageStatus))
    reason: str | None = None
    """Why it was held, skipped or failed; a code, then text without personal data."""
    hold_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    tried_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the first of the tries failed that left it unsent; the day of retries counts from it."""
    claim_token: str | None = None
    claim_generation: int | None = None
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rendered_to: str | None = None
    """The address it was rendered for."""
    subject: str | None = None
    text_body: str | None = None
    html_body: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reply_code: int | None = None
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    clicked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Link(SQLModel, table=True):
    """Where a tracked link leads. The token names this row; the address never travels in it."""

    __tablename__ = "link"

    id: str = Field(default_factory=new_id, primary_key=True)
    message_id: str = Field(foreign_key="message.id", index=True)
    position: int
    url: str
    name: str = ""
