"""Records: things that are not people, which journeys may run for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from leadloop.storage.columns import JSON_TYPE, UtcDateTime


class Record(SQLModel, table=True):
    """A seminar, a contract, an estimate: upserted by API, CRM or file, keyed by its own key."""

    __tablename__ = "record"

    kind: str = Field(primary_key=True)
    """A record of workspace.yaml, for example `contract`."""
    key: str = Field(primary_key=True)
    lead_id: str | None = Field(default=None, foreign_key="lead.id", index=True)
    """Whose it is, or the contact of a company's record."""
    company_id: str | None = Field(default=None, foreign_key="company.id", index=True)
    fields: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """Dates and instants as ISO 8601 text."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
