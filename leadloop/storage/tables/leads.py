"""People, companies, and what may be mailed to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from leadloop.storage.columns import JSON_TYPE, UtcDateTime, new_id
from leadloop.storage.partial import partial_index


class Company(SQLModel, table=True):
    """An organisation. `owner` is the mail address of its sales person."""

    __tablename__ = "company"

    id: str = Field(default_factory=new_id, primary_key=True)
    name: str = ""
    name_key: str = Field(default="", index=True)
    """The name as it is compared: NFKC, without the company form."""
    domain: str | None = Field(default=None, index=True)
    owner: str | None = None
    stage: str | None = None
    """As sales or a CRM says; the lifecycle of leads is another one."""
    timezone: str | None = None
    """IANA name: of its people who have none of their own."""
    created_at: datetime = Field(sa_type=UtcDateTime)


class Lead(SQLModel, table=True):
    """A person. Empty values are None: an unknown fact in conditions."""

    __tablename__ = "lead"
    __table_args__ = (partial_index("ix_lead_merged", "merged_into", where="merged_into IS NOT NULL"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    company_id: str | None = Field(default=None, foreign_key="company.id", index=True)
    email: str | None = Field(default=None, index=True)
    family_name: str | None = None
    given_name: str | None = None
    family_kana: str | None = None
    given_kana: str | None = None
    honorific: str | None = None
    company_name: str | None = None
    """The company as this person wrote it."""
    department: str | None = None
    job_title: str | None = None
    phone: str | None = None
    mobile: str | None = None
    prefecture: str | None = None
    country: str | None = None
    timezone: str | None = None
    locale: str | None = None
    source: str | None = None
    owner: str | None = None
    last_owner: str | None = None
    in_sales: bool = False
    stage: str = "lead"
    tags: list[str] = Field(default_factory=list, sa_type=JSON_TYPE)
    fields: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """The workspace's own `lead_fields`; dates as ISO 8601 text."""
    cycle: int = 0
    recycle_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """End of the recycle cool-down; until then lifecycle conditions leave the lead alone."""
    last_seq: int = 0
    """`lead_seq` of the newest applied event."""
    transition_truth: dict[str, bool] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """Lifecycle transition id -> its condition's last truth, so that it fires on the change only."""
    segments: list[str] = Field(default_factory=list, sa_type=JSON_TYPE)
    """Segments the lead is a member of, kept in line with their conditions."""
    merged_into: str | None = Field(default=None, foreign_key="lead.id")
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_active_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    erased_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Identity(SQLModel, table=True):
    """A value that names a lead (mail address, visitor id), kept as an HMAC."""

    __tablename__ = "identity"

    kind: str = Field(primary_key=True)
    value_hmac: str = Field(primary_key=True)
    lead_id: str = Field(foreign_key="lead.id", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Consent(SQLModel, table=True):
    """One fact about permission: a basis for a topic, or its refusal. Never changed, only added.

    特定電子メール法 3条 asks for the proof: `event_id` is the event it came from.
    """

    __tablename__ = "consent"
    __table_args__ = (
        UniqueConstraint("event_id", "topic", "basis"),
        Index("ix_consent_lead_topic", "lead_id", "topic"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    lead_id: str = Field(foreign_key="lead.id")
    topic: str
    """A topic of the workspace, or `*` for all."""
    basis: str
    """`opt_in`, `card`, `customer`, `published`, `request`, or `refused`."""
    at: datetime = Field(sa_type=UtcDateTime)
    event_id: str | None = None


class Suppression(SQLModel, table=True):
    """An address that must not be mailed, whoever owns it: hard bounce, complaint, erasure."""

    __tablename__ = "suppression"

    email_hmac: str = Field(primary_key=True)
    reason: str
    at: datetime = Field(sa_type=UtcDateTime)
    event_id: str | None = None


class TopicSuppression(SQLModel, table=True):
    """Topics that we stopped mailing to a lead for a reason of ours; an event may lift it."""

    __tablename__ = "topic_suppression"
    __table_args__ = (
        UniqueConstraint("suppression_key", "topic"),
        Index("ix_topic_suppression_lead", "lead_id", "topic"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    suppression_key: str
    """`<enrolment>:<step>:<visit>`: one visit of a step suppresses once."""
    lead_id: str = Field(foreign_key="lead.id")
    topic: str
    reason: str
    lift_on: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON_TYPE)
    """Compiled `EventMatch`es; the first that comes lifts it."""
    at: datetime = Field(sa_type=UtcDateTime)
    lifted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lifted_by: str | None = None
    """Event id."""
