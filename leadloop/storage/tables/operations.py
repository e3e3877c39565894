"""Operations: what people did to journeys, scenarios and sending. Rows are added and stay as they are.

Only the erasure of a lead empties the reasons of what was done to its journeys: people wrote them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from leadloop.storage.columns import JSON_TYPE, UtcDateTime, new_id


class Operation(SQLModel, table=True):
    """Who did what, when, to what, and why. `reason` is what that person wrote."""

    __tablename__ = "operation"
    __table_args__ = (
        Index("ix_operation_at", "at"),
        Index("ix_operation_enrolment", "enrolment_id"),
        Index("ix_operation_scenario", "scenario"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    action: str
    """`pause`, `resume`, `cancel`, `retry`, `migrate`, `stop_sending`, `start_sending`,
    `erase`, `merge`, `accept_restore`."""
    scenario: str | None = None
    """None for what concerns every scenario."""
    enrolment_id: str | None = None
    """None for what concerns more than one journey."""
    reason: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON_TYPE)
    """Settings of the command, and how many journeys it concerned. No personal values."""
