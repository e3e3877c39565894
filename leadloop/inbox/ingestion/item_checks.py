"""Checks of incoming events that need no database: declared names and values, times, addresses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from leadloop.inbox.ingestion.event_rules import EventRules, InvalidItemError
from leadloop.inbox.ingestion.incoming import IncomingEvent, IngestResult, Prepared, Ready
from leadloop.language.plan import canonical
from leadloop.leads.addresses import AddressError
from leadloop.leads.identity import email_hash
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment

_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_FUTURE = timedelta(days=1)
_ID_LIMIT = 200


def prepare(env: Environment, rules: EventRules, items: Sequence[IncomingEvent]) -> Prepared:
    """Check items by themselves: declared events and properties, times, addresses."""
    now = env.clock.now()
    results: list[IngestResult | None] = [None] * len(items)
    ready = []
    for place, item in enumerate(items):
        try:
            ready.append(_check(env, rules, place, item, now))
        except InvalidItemError as error:
            results[place] = IngestResult("invalid", field=error.field, problem=error.problem)
    return Prepared(results, ready)


def _check(env: Environment, rules: EventRules, place: int, item: IncomingEvent, now: datetime) -> Ready:
    properties = rules.check(item.type, item.properties)
    occurred_at = _check_time(item.occurred_at, now)
    key = body_hmac = None
    if item.external_id is not None:
        if not 0 < len(item.external_id) <= _ID_LIMIT:
            raise InvalidItemError("id", f"an id has 1 to {_ID_LIMIT} characters")
        key, body_hmac = (item.source, item.external_id), body_hash(env, item)
    email_hmac = None
    if item.lead_id is None:
        if item.email is None:
            raise InvalidItemError("lead", "an event names its lead: give `lead` or `email`")
        try:
            email_hmac = email_hash(env, item.email)
        except AddressError as error:
            raise InvalidItemError("email", str(error)) from None
    return Ready(place, item, properties, occurred_at, new_id(), key, body_hmac or "", email_hmac)


def body_hash(env: Environment, item: IncomingEvent) -> str:
    """Return the HMAC of what an event says, so that the same id with another body is noticed."""
    body = {
        "type": item.type,
        "properties": item.properties,
        "identity": item.identity,
        "lead": item.lead_id,
        "email": item.email,
        "at": item.occurred_at.isoformat() if item.occurred_at else None,
    }
    if item.visitor is not None:
        body["visitor"] = item.visitor
    return env.keys.hash("event-body", canonical(body))


def _check_time(at: datetime | None, now: datetime) -> datetime:
    if at is None:
        return now
    if at.tzinfo is None:
        raise InvalidItemError("occurred_at", "a time needs a zone, for example 2026-11-22T10:00:00+09:00")
    if not _OLDEST <= at <= now + _FUTURE:
        raise InvalidItemError("occurred_at", "the time is before 2000 or in the future")
    return at
