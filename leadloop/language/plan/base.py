"""What all compiled shapes share: lengths of time, conditions, targets."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

COMPLETED = "completed"
"""Outcome of a journey that reaches the end of its list of steps."""

Unit = Literal[
    "seconds",
    "minutes",
    "hours",
    "days",
    "weeks",
    "months",
    "business_minutes",
    "business_hours",
    "business_days",
]
FactType = Literal["int", "bool", "text", "texts", "instant"]
FieldType = Literal["text", "int", "bool", "date", "datetime", "enum"]
Value = str | int | bool


class PlanModel(BaseModel):
    """Base of all compiled shapes: frozen, and tolerant of fields of newer versions."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Span(PlanModel):
    """A length of time. A day is a calendar day in the lead's zone; 24 hours are 24 hours."""

    amount: int
    unit: Unit


class Frequency(PlanModel):
    """So many per length of time: a cap on mails, or on entries."""

    count: int
    per: Span


class Target(PlanModel):
    """Where a journey goes next: exactly one of a step id and an exit outcome."""

    step: str | None = None
    exit: str | None = None
    notify: str | None = None
    """Mail address that is told when this exit is taken."""


class FieldSpec(PlanModel):
    """The type of a declared field or property."""

    type: FieldType
    values: tuple[str, ...] = ()
    record: str | None = None
    """Kind of record whose key this text is, for example `seminar`."""
