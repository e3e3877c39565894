"""Counting what happened: questions about a lead's past, over events that somebody else read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from leadloop.journey.calendar import add_span
from leadloop.language.plan import Calendar, Did, Span

ENTRY = "entry"
"""`since: entry`: events after the one that began the journey."""

_HOUR = timedelta(hours=1)
_MOMENT = timedelta(microseconds=1)
_LONGEST_SHIFT = 24 * 7
"""Hours by which a span forwards and the same span backwards may differ: short months, holidays."""


class Happened(Protocol):
    """An event of the past: stored, or of a simulation."""

    @property
    def properties(self) -> Mapping[str, Any]: ...

    @property
    def occurred_at(self) -> datetime: ...


def counted(events: Iterable[Happened], question: Did) -> list[datetime]:
    """Return when the newest events that count happened, newest first, `at_least` at most.

    `events` match the question and come newest first; no more of them is read than needed.
    """
    found: list[datetime] = []
    values: set[Any] = set()
    for event in events:
        if question.distinct is not None:
            value = event.properties.get(question.distinct)
            if value is None or value in values:
                continue
            values.add(value)
        found.append(event.occurred_at)
        if len(found) == question.at_least:
            break
    return found


def begins(within: Span, now: datetime, zone: ZoneInfo, calendar: Calendar | None) -> datetime:
    """Return the earliest instant that `within`, counted back from now, reaches."""
    return add_span(now, Span(amount=-within.amount, unit=within.unit), zone, calendar)


def leaves(
    happened: datetime, within: Span, now: datetime, zone: ZoneInfo, calendar: Calendar | None
) -> datetime:
    """Return the first instant at which `within`, counted back, no longer reaches the event."""
    at = max(add_span(happened, within, zone, calendar), now) + _MOMENT
    for _ in range(_LONGEST_SHIFT):
        if begins(within, at, zone, calendar) > happened:
            break
        at += _HOUR
    return at
