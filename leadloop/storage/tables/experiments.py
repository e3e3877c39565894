"""Experiments: who was drawn for which arm, and which arm won."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from leadloop.storage.columns import JSON_TYPE, UtcDateTime, new_id


class ExperimentDraw(SQLModel, table=True):
    """One run's draw in one visit of an experiment step."""

    __tablename__ = "experiment_draw"
    __table_args__ = (Index("ix_experiment_draw_round", "scenario", "step_id", "round"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    draw_key: str = Field(unique=True)
    scenario: str
    step_id: str
    round: str
    """Runs that are compared with each other: the instant of a schedule, else the plan's digest."""
    enrolment_id: str = Field(foreign_key="enrolment.id", index=True)
    lead_id: str = Field(foreign_key="lead.id")
    variant: str
    """Name of the arm, `control`, or `rest`."""
    drawn_at: datetime = Field(sa_type=UtcDateTime)
    drawn_seq: int = 0
    """`lead_seq` at the draw: only later events count for the metric."""


class ExperimentWinner(SQLModel, table=True):
    """The arm that won a round. Decided once; the first to decide wins."""

    __tablename__ = "experiment_winner"

    scenario: str = Field(primary_key=True)
    step_id: str = Field(primary_key=True)
    round: str = Field(primary_key=True)
    variant: str
    figures: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """Arm -> draws and successes; and why: `rate`, `too_few`, `not_significant`."""
    decided_at: datetime = Field(sa_type=UtcDateTime)
