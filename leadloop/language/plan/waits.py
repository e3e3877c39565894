"""Compiled forms of wait, and recurring times."""

from __future__ import annotations

from datetime import date
from typing import Literal

from leadloop.language.plan.base import PlanModel, Span, Target


class Until(PlanModel):
    """An instant named by a fact (`run.entry.revisit_on - 1 day`), a weekday, or a date."""

    fact: str | None = None
    """Dotted name of a date or instant, for example `run.seminar.starts_at`."""
    offset: Span | None = None
    """Added to the fact; a negative amount goes back."""
    weekday: int | None = None
    """0 is Monday. The next such day; today only if `at` is still to come."""
    on: date | None = None


class WaitSpec(PlanModel):
    """Any form of wait: a span, a span that ends at a time of day, or a named instant."""

    span: Span | None = None
    until: Until | None = None
    at: str | None = None
    """`HH:MM` in the lead's zone."""
    if_past: Target | None = None
    """Where to go when the instant is already past; None continues with the next step."""


class Schedule(PlanModel):
    """A recurring time of day: `daily 09:00`, `monday 09:00`, `second tuesday 10:00`, `day 25 10:00`,
    `last day 10:00`, `last friday 10:00`."""

    every: Literal["day", "week", "month"]
    at: str
    weekday: int | None = None
    """0 is Monday; for `week`, and for `month` with `nth`."""
    nth: int | None = None
    """1 to 5, or -1 for the last; with `weekday` that weekday of the month, without it a day."""
    day: int | None = None
    """Day of the month, 1 to 31; a shorter month's last day where it has none."""


class Cron(PlanModel):
    """A recurring time as a cron expression: `0 10 * * 2`."""

    cron: str
    """Five fields of POSIX crontab, in capitals, with one space between them."""
