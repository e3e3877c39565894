"""What sales works on: offers of leads, tasks, deals."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Field, SQLModel

from leadloop.storage.columns import JSON_TYPE, UtcDateTime, enum_type, new_id


class OfferStatus(StrEnum):
    OFFERED = "offered"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WON = "won"
    LOST = "lost"
    WITHDRAWN = "withdrawn"


class Offer(SQLModel, table=True):
    """A lead offered to sales by one visit of a hand_off step, with the reasons."""

    __tablename__ = "offer"

    id: str = Field(default_factory=new_id, primary_key=True)
    offer_key: str = Field(unique=True)
    enrolment_id: str = Field(foreign_key="enrolment.id")
    step_id: str
    visit: int
    lead_id: str = Field(foreign_key="lead.id", index=True)
    company_id: str | None = None
    what: str = "lead"
    """`lead`, or `company`: the whole company is handed over."""
    queue: str
    assignee: str
    status: OfferStatus = Field(default=OfferStatus.OFFERED, index=True, sa_type=enum_type(OfferStatus))
    reasons: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON_TYPE)
    """Top ledger entries: model, rule, points, times, last_at. No personal values."""
    offered_at: datetime = Field(sa_type=UtcDateTime)
    accept_by: datetime | None = Field(default=None, sa_type=UtcDateTime)
    escalated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    accepted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    work_by: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    end_reason: str | None = None


class TaskStatus(StrEnum):
    OPEN = "open"
    OVERDUE = "overdue"
    DONE = "done"
    WITHDRAWN = "withdrawn"


class Task(SQLModel, table=True):
    """Something a person should do for one visit of a task step."""

    __tablename__ = "task"

    id: str = Field(default_factory=new_id, primary_key=True)
    task_key: str = Field(unique=True)
    enrolment_id: str = Field(foreign_key="enrolment.id")
    step_id: str
    visit: int
    lead_id: str = Field(foreign_key="lead.id", index=True)
    type: str
    title: str = ""
    assignee: str
    outcomes: list[str] = Field(default_factory=list, sa_type=JSON_TYPE)
    asks: list[str] = Field(default_factory=list, sa_type=JSON_TYPE)
    """Lead fields to ask for when it is done."""
    asks_date: bool = False
    date: str | None = None
    """The day that was asked for, ISO 8601."""
    status: TaskStatus = Field(default=TaskStatus.OPEN, index=True, sa_type=enum_type(TaskStatus))
    outcome: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DealStatus(StrEnum):
    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Deal(SQLModel, table=True):
    """An opportunity. `amount` is in minor units of `currency` (ISO 4217)."""

    __tablename__ = "deal"

    id: str = Field(default_factory=new_id, primary_key=True)
    lead_id: str = Field(foreign_key="lead.id", index=True)
    company_id: str | None = Field(default=None, index=True)
    offer_id: str | None = None
    owner: str | None = None
    status: DealStatus = Field(default=DealStatus.OPEN, sa_type=enum_type(DealStatus))
    amount: int | None = None
    currency: str = "JPY"
    reason: str | None = None
    revisit_on: date | None = None
    note: str | None = None
    opened_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    losses: int = 0
    """How many times it was lost; part of the recycle key."""


class RecycledLoss(SQLModel, table=True):
    """One loss that was recycled: key (lead, deal, loss), so that none is recycled twice."""

    __tablename__ = "recycled_loss"

    lead_id: str = Field(primary_key=True)
    deal_id: str = Field(primary_key=True)
    loss: int = Field(primary_key=True)
    enrolment_id: str
    at: datetime = Field(sa_type=UtcDateTime)
