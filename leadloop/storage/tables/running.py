"""What runs, and what somebody should look at: workers that live, and alerts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from leadloop.storage.columns import UtcDateTime, new_id

_OPEN = text("resolved_at IS NULL")
_UNSENT = text("sent_at IS NULL")


class LiveWorker(SQLModel, table=True):
    """A worker process that said a moment ago that it lives. Real time, also where journeys' is not."""

    __tablename__ = "live_worker"

    id: str = Field(default_factory=new_id, primary_key=True)
    build: str
    """Its build id, or the version of leadloop."""
    plan_format: int
    """The highest plan format that it can run."""
    started_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime, index=True)


class Alert(SQLModel, table=True):
    """Something that a person should look at, from when it was found until it was over. No personal data."""

    __tablename__ = "alert"
    __table_args__ = (
        Index("ix_alert_open", "kind", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_alert_unsent", "raised_at", sqlite_where=_UNSENT, postgresql_where=_UNSENT),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    key: str = Field(unique=True)
    """What it is about, so that it is raised once: `journey_held:<enrolment>:<turn>`."""
    kind: str
    code: str = ""
    """Why, in a word."""
    scenario: str | None = None
    enrolment_id: str | None = None
    message_id: str | None = None
    number: int = 1
    """How many, for alerts about more than one."""
    raised_at: datetime = Field(sa_type=UtcDateTime, index=True)
    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the webhook took it, or when there was none to tell."""
