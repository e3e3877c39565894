"""The score ledger and its current reading."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from leadloop.storage.columns import UtcDateTime, new_id


class ScoreEntry(SQLModel, table=True):
    """One line of the ledger. A score is a function of the ledger and the instant."""

    __tablename__ = "score_entry"
    __table_args__ = (Index("ix_score_entry_lead", "lead_id", "model", "at"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    entry_key: str = Field(unique=True)
    """`<lead>:<model>:<rule>:<event>`, or `<lead>:<model>:<step>:<enrolment>:<visit>`."""
    lead_id: str = Field(foreign_key="lead.id")
    model: str
    rule_id: str
    """Rule, attribute, `step:<id>`, or `reset`."""
    points: int
    event_id: str | None = None
    message_id: str | None = None
    """The message that the event belongs to, for `at_most: 1 per message`; empty where it belongs to none."""
    ruleset_digest: str
    reason: str = ""
    at: datetime = Field(sa_type=UtcDateTime)
    entries: int = 1
    """How many lines it stands for: more than 1 where older ones were added up."""
    equivalent: float | None = None
    """What those are worth together at `at`; None for a line of its own, which is worth its points."""

    @property
    def worth(self) -> float:
        """What it adds to the score at its instant, before decay."""
        return self.points if self.equivalent is None else self.equivalent


class LeadScore(SQLModel, table=True):
    """The band a lead is in, per model; kept because hysteresis depends on the way there."""

    __tablename__ = "lead_score"

    lead_id: str = Field(foreign_key="lead.id", primary_key=True)
    model: str = Field(primary_key=True)
    points: int
    """The score at `read_at`, rounded to whole points."""
    band: str | None = None
    read_at: datetime = Field(sa_type=UtcDateTime)
