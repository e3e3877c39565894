"""The inbox: every fact from outside becomes one row of `event`, once.

The same external id counts once; the same id with another body is a conflict. What must act before
anything else (a refusal, a hard bounce, a complaint) is written in the same transaction. Many items
cost a handful of statements, however many they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Literal

from sqlmodel import Session, col, select

from leadloop.inbox.event_rules import EventRules, InvalidItemError, rules_of
from leadloop.language.plan import canonical
from leadloop.leads.addresses import AddressError, normalise_email
from leadloop.leads.consent import acts_at_once, record_at_once
from leadloop.leads.identity import (
    Named,
    NewLead,
    create_leads,
    email_hash,
    leads_by_id,
    leads_named,
    source_of,
)
from leadloop.storage.columns import new_id
from leadloop.storage.database import announce
from leadloop.storage.environment import Environment
from leadloop.storage.inserting import insert_new, insert_rows
from leadloop.storage.tables import Event, EventKey, Lead

EVENTS = "events"
"""Topic of the news that events were accepted."""
OWN = "engine"
"""Source of the events that the engine itself reports."""

_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_FUTURE = timedelta(days=1)
_ID_LIMIT = 200
_Key = tuple[str, str]
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
class _Ready:
    """An item that was checked by itself, and what is found out about it."""

    place: int
    item: IncomingEvent
    properties: dict[str, Any]
    occurred_at: datetime
    event_id: str
    key: _Key | None
    body_hmac: str
    email_hmac: str | None
    lead_id: str | None = None


class Prepared:
    """Items that were checked as far as that needs no database, for `store`."""

    def __init__(self, results: list[IngestResult | None], ready: list[_Ready]) -> None:
        self.results = results
        self.ready = ready


def ingest(session: Session, env: Environment, items: Sequence[IncomingEvent]) -> list[IngestResult]:
    """Store events in the caller's write transaction; one result per item, in order."""
    return store(session, env, prepare(env, rules_of(env.publications.current(session)), items))


def check_item(session: Session, env: Environment, item: IncomingEvent) -> IngestResult | None:
    """Return what speaks against an event that names no lead: a problem, or that it is known."""
    try:
        rules_of(env.publications.current(session)).check(item.type, item.properties)
    except InvalidItemError as error:
        return IngestResult("invalid", field=error.field, problem=error.problem)
    key = session.get(EventKey, (item.source, item.external_id))
    return IngestResult("duplicate", key.event_id) if key is not None else None


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


def store(session: Session, env: Environment, prepared: Prepared) -> list[IngestResult]:
    """Store what was prepared in the caller's write transaction; one result per item, in order."""
    session.flush()
    now = env.clock.now()
    storing = _Storing(session, env, prepared.results, now)
    pending = storing.without_known(prepared.ready)
    pending = storing.with_leads(pending)
    pending = storing.without_repeats(pending)
    storing.make_leads(pending)
    pending = storing.with_own_keys(pending)
    storing.insert(pending)
    return [one for one in storing.results if one is not None]


class _Storing:
    """One transaction's work on many items; each step takes out those that are decided."""

    def __init__(
        self, session: Session, env: Environment, results: list[IngestResult | None], now: datetime
    ) -> None:
        self.session = session
        self.env = env
        self.results = results
        self.now = now

    def without_known(self, ready: list[_Ready]) -> list[_Ready]:
        """Answer the items whose id was stored before."""
        known = self._stored_keys(one.key for one in ready if one.key is not None)
        if not known:
            return ready
        subjects = self._subjects(event_id for _hmac, event_id in known.values())
        pending = []
        for one in ready:
            if one.key is None or one.key not in known:
                pending.append(one)
                continue
            body_hmac, event_id = known[one.key]
            self.results[one.place] = _repeat(one, body_hmac, event_id, subjects.get(event_id))
        return pending

    def with_leads(self, ready: list[_Ready]) -> list[_Ready]:
        """Find the leads that are known; refuse the items whose lead is missing or erased."""
        by_id = leads_by_id(self.session, ids) if (ids := _ids_of(ready)) else {}
        by_email = leads_named(self.session, hashes) if (hashes := _hashes_of(ready)) else {}
        return [one for one in ready if self._has_lead(one, by_id, by_email)]

    def _has_lead(self, one: _Ready, by_id: dict[str, Named], by_email: dict[str, Named]) -> bool:
        if one.item.lead_id is not None:
            found, name = by_id.get(one.item.lead_id), "lead"
            if found is None:
                text = "there is no lead with this id"
                self.results[one.place] = IngestResult("invalid", field="lead", problem=text)
                return False
        else:
            found, name = by_email.get(one.email_hmac or ""), "email"
        if found is not None and found.erased:
            text = "this lead was erased"
            self.results[one.place] = IngestResult("invalid", field=name, problem=text, erased=True)
            return False
        one.lead_id = found.lead_id if found is not None else None
        return True

    def without_repeats(self, ready: list[_Ready]) -> list[_Ready]:
        """Answer the items whose id came earlier among the same items."""
        first: dict[_Key, _Ready] = {}
        pending = []
        for one in ready:
            earlier = first.setdefault(one.key, one) if one.key is not None else one
            if earlier is one:
                pending.append(one)
        self._repeats = [(one, first[one.key]) for one in ready if one.key and first[one.key] is not one]
        return pending

    def make_leads(self, ready: list[_Ready]) -> None:
        """Make the leads whose address nobody has yet."""
        wanted: dict[str, NewLead] = {}
        for one in ready:
            if one.lead_id is None and one.email_hmac is not None and one.email_hmac not in wanted:
                email = normalise_email(one.item.email or "")
                wanted[one.email_hmac] = NewLead(email, one.email_hmac, source_of(one.item.identity))
        if not wanted:
            return
        made = create_leads(self.session, self.env, list(wanted.values()), self.now)
        others = leads_named(self.session, [one for one in wanted if one not in made])
        for one in ready:
            if one.lead_id is None and one.email_hmac is not None:
                one.lead_id = made.get(one.email_hmac) or others[one.email_hmac].lead_id

    def with_own_keys(self, ready: list[_Ready]) -> list[_Ready]:
        """Write the keys; an item whose key another transaction wrote meanwhile is a repeat."""
        keyed = {one.key: one for one in ready if one.key is not None}
        rows = [
            {"source": key[0], "external_id": key[1], "body_hmac": one.body_hmac, "event_id": one.event_id}
            for key, one in keyed.items()
        ]
        ours = insert_new(self.session, EventKey, rows, ("source", "external_id"))
        if len(ours) == len(keyed):
            return ready
        lost = [one for one in ready if one.key is not None and one.key not in ours]
        self.without_known(lost)
        return [one for one in ready if one.key is None or one.key in ours]

    def insert(self, ready: list[_Ready]) -> None:
        """Write the events, what must act at once, and the results."""
        insert_rows(self.session, Event, [self._row(one) for one in ready])
        for one in ready:
            self.results[one.place] = IngestResult("accepted", one.event_id, one.lead_id)
            if acts_at_once(one.item.type):
                lead = self.session.get_one(Lead, one.lead_id)
                record_at_once(self.session, self.env, lead, Event(**self._row(one)))
        for one, earlier in self._repeats:
            result = self.results[earlier.place]
            assert result is not None
            event_id = result.event_id or earlier.event_id
            self.results[one.place] = _repeat(one, earlier.body_hmac, event_id, result.lead_id)
        if any(one.item.source != OWN for one in ready):
            # A turn follows at once on what the engine itself reports, and applies it.
            announce(self.session, EVENTS)

    def _row(self, one: _Ready) -> dict[str, Any]:
        item = one.item
        return {
            "id": one.event_id,
            "subject_id": one.lead_id,
            "type": item.type,
            "properties": one.properties,
            "identity": item.identity,
            "source": item.source,
            "trust": item.trust,
            "occurred_at": one.occurred_at,
            "received_at": self.now,
            "message_id": item.message_id,
            "depth": 0,
        }

    def _stored_keys(self, keys: Iterable[_Key]) -> dict[_Key, tuple[str, str]]:
        """Return body hash and event of the keys that are stored."""
        found: dict[_Key, tuple[str, str]] = {}
        for source, group in groupby(sorted(set(keys)), key=lambda key: key[0]):
            statement = select(EventKey.external_id, EventKey.body_hmac, EventKey.event_id).where(
                EventKey.source == source, col(EventKey.external_id).in_([one for _, one in group])
            )
            for external_id, body_hmac, event_id in self.session.connection().execute(statement):
                found[source, external_id] = (body_hmac, event_id)
        return found

    def _subjects(self, event_ids: Iterator[str]) -> dict[str, str]:
        statement = select(Event.id, Event.subject_id).where(col(Event.id).in_(list(event_ids)))
        return {row[0]: row[1] for row in self.session.connection().execute(statement)}


def _check(env: Environment, rules: EventRules, place: int, item: IncomingEvent, now: datetime) -> _Ready:
    properties = rules.check(item.type, item.properties)
    occurred_at = _check_time(item.occurred_at, now)
    key = body_hmac = None
    if item.external_id is not None:
        if not 0 < len(item.external_id) <= _ID_LIMIT:
            raise InvalidItemError("id", f"an id has 1 to {_ID_LIMIT} characters")
        key, body_hmac = (item.source, item.external_id), _body_hash(env, item)
    email_hmac = None
    if item.lead_id is None:
        if item.email is None:
            raise InvalidItemError("lead", "an event names its lead: give `lead` or `email`")
        try:
            email_hmac = email_hash(env, item.email)
        except AddressError as error:
            raise InvalidItemError("email", str(error)) from None
    return _Ready(place, item, properties, occurred_at, new_id(), key, body_hmac or "", email_hmac)


def _repeat(one: _Ready, body_hmac: str, event_id: str, lead_id: str | None) -> IngestResult:
    if body_hmac != one.body_hmac:
        return IngestResult("conflict", event_id, field="id", problem="this id came with another body")
    return IngestResult("duplicate", event_id, lead_id)


def _ids_of(ready: Iterable[_Ready]) -> set[str]:
    return {one.item.lead_id for one in ready if one.item.lead_id is not None}


def _hashes_of(ready: Iterable[_Ready]) -> set[str]:
    return {one.email_hmac for one in ready if one.email_hmac is not None}


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


def _check_time(at: datetime | None, now: datetime) -> datetime:
    if at is None:
        return now
    if at.tzinfo is None:
        raise InvalidItemError("occurred_at", "a time needs a zone, for example 2026-11-22T10:00:00+09:00")
    if not _OLDEST <= at <= now + _FUTURE:
        raise InvalidItemError("occurred_at", "the time is before 2000 or in the future")
    return at
