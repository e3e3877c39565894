"""The inbox: every fact from outside becomes one row of `event`, once.

The same external id counts once; the same id with another body is a conflict. What must act
before anything else (a refusal, a hard bounce, a complaint) is written in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from sqlmodel import Session

from leadloop.language.plan import FieldSpec, Workspace, canonical
from leadloop.leads.addresses import AddressError
from leadloop.leads.consent import ALL_TOPICS, record_at_once
from leadloop.leads.identity import find_or_create_lead
from leadloop.storage.columns import new_id
from leadloop.storage.database import announce
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, EventKey, Lead

EVENTS = "events"
"""Topic of the news that events were accepted."""
OWN = "engine"
"""Source of the events that the engine itself reports."""

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_TEXT_LIMIT = 4096
_FUTURE = timedelta(days=1)


@dataclass(frozen=True)
class IncomingEvent:
    """A fact as it arrives. It names its lead by `lead_id` or `email`."""

    type: str
    properties: dict[str, Any] = field(default_factory=dict)
    lead_id: str | None = None
    email: str | None = None
    identity: dict[str, Any] = field(default_factory=dict)
    """Lead fields that came with it."""
    external_id: str | None = None
    source: str = "api"
    trust: str = "likely"
    occurred_at: datetime | None = None
    message_id: str | None = None


@dataclass(frozen=True)
class IngestResult:
    """What became of one item. A refusal is a result, not an exception."""

    status: Literal["accepted", "duplicate", "conflict", "invalid"]
    event_id: str | None = None
    lead_id: str | None = None
    field: str | None = None
    problem: str | None = None
    erased: bool = False
    """True where it is about a person who was erased. The public must not be told."""


class _InvalidItemError(Exception):
    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem


class _ErasedError(_InvalidItemError):
    def __init__(self, field: str) -> None:
        super().__init__(field, "this lead was erased")


def ingest(session: Session, env: Environment, items: Sequence[IncomingEvent]) -> list[IngestResult]:
    """Store events in the caller's write transaction; one result per item, in order."""
    workspace = env.publications.current(session).publication.workspace
    now = env.clock.now()
    return [_ingest_one(session, env, workspace, item, now) for item in items]


def check_item(session: Session, env: Environment, item: IncomingEvent) -> IngestResult | None:
    """Return what speaks against an event that names no lead: a problem, or that it is known."""
    workspace = env.publications.current(session).publication.workspace
    try:
        check_properties(workspace, item.type, item.properties)
    except _InvalidItemError as error:
        return IngestResult("invalid", field=error.field, problem=error.problem)
    key = session.get(EventKey, (item.source, item.external_id))
    return IngestResult("duplicate", key.event_id) if key is not None else None


def _ingest_one(
    session: Session, env: Environment, workspace: Workspace, item: IncomingEvent, now: datetime
) -> IngestResult:
    try:
        properties = check_properties(workspace, item.type, item.properties)
        occurred_at = _check_time(item.occurred_at, now)
        known = _known(session, env, item)
        if known is not None:
            return known
        lead = _resolve_lead(session, env, item, now)
    except _InvalidItemError as error:
        return IngestResult(
            "invalid", field=error.field, problem=error.problem, erased=isinstance(error, _ErasedError)
        )
    event = Event(
        id=new_id(),
        subject_id=lead.id,
        type=item.type,
        properties=properties,
        identity=item.identity,
        source=item.source,
        trust=item.trust,
        occurred_at=occurred_at,
        received_at=now,
        message_id=item.message_id,
    )
    session.add(event)
    if item.external_id is not None:
        session.add(
            EventKey(
                source=item.source,
                external_id=item.external_id,
                body_hmac=_body_hash(env, item),
                event_id=event.id,
            )
        )
    session.flush()
    if item.source != OWN:  # a turn follows at once, and applies what the engine itself reports
        announce(session, EVENTS)
    record_at_once(session, env, lead, event)
    return IngestResult("accepted", event.id, lead.id)


def _known(session: Session, env: Environment, item: IncomingEvent) -> IngestResult | None:
    if item.external_id is None:
        return None
    if not 0 < len(item.external_id) <= 200:
        raise _InvalidItemError("id", "an id has 1 to 200 characters")
    key = session.get(EventKey, (item.source, item.external_id))
    if key is None:
        return None
    if key.body_hmac != _body_hash(env, item):
        return IngestResult("conflict", key.event_id, field="id", problem="this id came with another body")
    event = session.get(Event, key.event_id)
    return IngestResult("duplicate", key.event_id, event.subject_id if event else None)


def _body_hash(env: Environment, item: IncomingEvent) -> str:
    body = {
        "type": item.type,
        "properties": item.properties,
        "identity": item.identity,
        "lead": item.lead_id,
        "email": item.email,
        "at": item.occurred_at.isoformat() if item.occurred_at else None,
    }
    return env.keys.hash("event-body", canonical(body))


def _resolve_lead(session: Session, env: Environment, item: IncomingEvent, now: datetime) -> Lead:
    if item.lead_id is not None:
        lead = session.get(Lead, item.lead_id)
        if lead is None:
            raise _InvalidItemError("lead", "there is no lead with this id")
        if lead.merged_into is not None:
            lead = session.get(Lead, lead.merged_into) or lead
        if lead.erased_at is not None:
            raise _ErasedError("lead")
        return lead
    if item.email is None:
        raise _InvalidItemError("lead", "an event names its lead: give `lead` or `email`")
    try:
        lead, _created = find_or_create_lead(session, env, item.email, item.identity, now)
    except AddressError as error:
        raise _InvalidItemError("email", str(error)) from None
    if lead.erased_at is not None:
        raise _ErasedError("email")
    return lead


def _check_time(at: datetime | None, now: datetime) -> datetime:
    if at is None:
        return now
    if at.tzinfo is None:
        raise _InvalidItemError("occurred_at", "a time needs a zone, for example 2026-11-22T10:00:00+09:00")
    if not _OLDEST <= at <= now + _FUTURE:
        raise _InvalidItemError("occurred_at", "the time is before 2000 or in the future")
    return at


def check_properties(workspace: Workspace, event_type: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return the properties as they are stored; raises for an undeclared event, name or type."""
    declared = workspace.events.get(event_type)
    if declared is None:
        raise _InvalidItemError("type", f"no event `{_short(event_type)}` is declared")
    checked: dict[str, Any] = {}
    for name, value in properties.items():
        spec = declared.get(name)
        if spec is None:
            raise _InvalidItemError(f"properties.{_short(name)}", f"`{event_type}` has no such property")
        if value is None:
            continue
        everything = event_type == "unsubscribed" and value == ALL_TOPICS
        if not everything and not _fits(value, spec):
            raise _InvalidItemError(f"properties.{name}", f"expected {_expected(spec)}")
        checked[name] = value
    form = checked.get("form") if event_type == "form_submitted" else None
    if event_type == "form_submitted" and form not in workspace.forms:
        raise _InvalidItemError("properties.form", "no such form is declared")
    if event_type == "deal_lost" and checked.get("reason") not in {None, *workspace.lost_reasons}:
        raise _InvalidItemError("properties.reason", "no such lost reason is declared")
    return checked


def _fits(value: object, spec: FieldSpec) -> bool:
    match spec.type:
        case "int":
            return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
        case "bool":
            return isinstance(value, bool)
        case "enum":
            return isinstance(value, str) and value in spec.values
        case "date":
            return isinstance(value, str) and (_MONTH.fullmatch(value) is not None or _is_date(value))
        case "datetime":
            return isinstance(value, str) and _is_instant(value)
        case "text":
            return isinstance(value, str) and len(value) <= _TEXT_LIMIT and _is_clean(value)
    return False


def _is_date(text: str) -> bool:
    try:
        return _DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _is_instant(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_clean(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _expected(spec: FieldSpec) -> str:
    if spec.type == "enum":
        return "one of " + ", ".join(spec.values)
    return {"date": "a date such as 2027-04-05 or 2027-04", "datetime": "a time with a zone"}.get(
        spec.type, f"a value of type {spec.type}, not too long"
    )


def _short(text: str) -> str:
    return text[:60]
