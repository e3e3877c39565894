"""What went live, and the workspace's settings that change at run time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from leadloop.storage.columns import JSON_TYPE, UtcDateTime, new_id


class Blob(SQLModel, table=True):
    """One part of a publication (plan, template, scoring, ...), stored once by its digest."""

    __tablename__ = "blob"

    digest: str = Field(primary_key=True)
    kind: str
    content: str


class PublicationRow(SQLModel, table=True):
    """A publication: the digest tree that went live together. The newest is the current one."""

    __tablename__ = "publication"

    id: str = Field(default_factory=new_id, primary_key=True)
    digest: str
    parts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """Part name (`plan:whitepaper-nurture`) -> digest of its blob."""
    published_at: datetime = Field(sa_type=UtcDateTime, index=True)
    published_by: str
    approved_by: str | None = None
    """Who else agreed, where more mails than `limits.confirm_over` were expected."""
    expected_mails: int | None = None
    """Estimate of the mails in the first 24 hours."""


class Setting(SQLModel, table=True):
    """A run-time switch or fact of the workspace: kill switch, token key, counters."""

    __tablename__ = "setting"

    key: str = Field(primary_key=True)
    value: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
