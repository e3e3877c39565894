"""What the inbox takes and answers: an event as it arrives, what became of it, and the steps between."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Key = tuple[str, str]
"""Source and external id."""


@dataclass(frozen=True)
class IncomingEvent:
    """A fact as it arrives. It names its lead by `lead_id` or `email`."""

    type: str
    properties: dict[str, Any] = field(default_factory=dict)
    lead_id: str | None = None
    email: str | None = None
    identity: dict[str, Any] = field(default_factory=dict)
    """Lead fields that came with it."""
    visitor: str | None = None
    """The id of the browser in which the person did it, which is theirs from then on."""
    external_id: str | None = None
    source: str = "api"
    trust: str = "likely"
    occurred_at: datetime | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of one item. A refusal is a result, not an exception."""

    status: Literal["accepted", "duplicate", "conflict", "invalid"]
    event_id: str | None = None
    lead_id: str | None = None
    field: str | None = None
    problem: str | None = None
    erased: bool = False
    """True where it is about a person who was erased. The public must not be told."""


@dataclass(slots=True)
class Ready:
    """An item that was checked by itself, and what is found out about it."""

    place: int
    item: IncomingEvent
    properties: dict[str, Any]
    occurred_at: datetime
    event_id: str
    key: Key | None
    body_hmac: str
    email_hmac: str | None
    lead_id: str | None = None


class Prepared:
    """Items that were checked as far as that needs no database, for `store`."""

    def __init__(self, results: list[IngestResult | None], ready: list[Ready]) -> None:
        self.results = results
        self.ready = ready
