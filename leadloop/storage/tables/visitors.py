"""People on web pages who have not said who they are."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from leadloop.storage.columns import UtcDateTime, new_id


class Visitor(SQLModel, table=True):
    """A browser, by the random id that the script on the web page keeps. Its id is an event's subject.

    No lead: it is in no list, no segment and no scenario, and has no score.
    """

    __tablename__ = "visitor"

    id: str = Field(default_factory=new_id, primary_key=True)
    visitor_hmac: str = Field(unique=True)
    lead_id: str | None = Field(default=None, foreign_key="lead.id", index=True)
    """Who it turned out to be: the last person that identified themselves in this browser."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime, index=True)
