"""Outside calls other than mail: one row per call, like the outbox."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from leadloop.storage.columns import UtcDateTime, enum_type, new_id

_FAILED = text("status = 'failed'")


class CallStatus(StrEnum):
    NEW = "new"
    CALLING = "calling"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class Call(SQLModel, table=True):
    """One call of a step, keyed by `call_key`: the receiver gets the key and can tell a repeat.

    `new -> calling -> done | failed`, `calling -> calling` when an attempt died; `new -> skipped`.
    """

    __tablename__ = "call"
    __table_args__ = (Index("ix_call_failed", "done_at", sqlite_where=_FAILED, postgresql_where=_FAILED),)

    id: str = Field(default_factory=new_id, primary_key=True)
    call_key: str = Field(unique=True)
    kind: str
    """`webhook` or `chat`."""
    enrolment_id: str = Field(foreign_key="enrolment.id", index=True)
    publication_id: str
    step_id: str
    visit: int
    lead_id: str = Field(foreign_key="lead.id", index=True)
    scenario: str
    to: str
    """Name of a declared webhook, or of the chat."""
    template: str | None = None
    status: CallStatus = Field(default=CallStatus.NEW, sa_type=enum_type(CallStatus))
    reason: str | None = None
    code: int | None = None
    """HTTP status of the last answer."""
    attempts: int = 0
    tried_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the first try was made; the day of retries counts from it."""
    sink: bool = False
    """True where nothing is configured for `to`: the call was noted here and went nowhere."""
    body: str | None = None
    """What is posted, as JSON text; kept after the call only where it went nowhere."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
