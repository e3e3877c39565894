"""Storing checked events in a transaction: many items cost a handful of statements, however many they are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from leadloop.inbox.ingestion.incoming import IngestResult, Key, Prepared, Ready
from leadloop.leads.addresses import normalise_email
from leadloop.leads.consent import acts_at_once, record_at_once
from leadloop.leads.identity import Named, NewLead, create_leads, leads_by_id, leads_named, source_of
from leadloop.storage.database import announce
from leadloop.storage.environment import Environment
from leadloop.storage.finding import rows_of_each
from leadloop.storage.inserting import insert_new, insert_rows
from leadloop.storage.tables import Event, EventKey, Lead

EVENTS = "events"
"""Topic of the news that events were accepted."""
OWN = "engine"
"""Source of the events that the engine itself reports."""
_STORED_KEY = select(EventKey.external_id, EventKey.body_hmac, EventKey.event_id).where(
    EventKey.source == bindparam("source")
)
_EXTERNAL_ID = col(EventKey.external_id)
_SUBJECT = select(Event.id, Event.subject_id)
_EVENT_ID = col(Event.id)


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

    def without_known(self, ready: list[Ready]) -> list[Ready]:
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

    def with_leads(self, ready: list[Ready]) -> list[Ready]:
        """Find the leads that are known; refuse the items whose lead is missing or erased."""
        by_id = leads_by_id(self.session, ids) if (ids := _ids_of(ready)) else {}
        by_email = leads_named(self.session, hashes) if (hashes := _hashes_of(ready)) else {}
        return [one for one in ready if self._has_lead(one, by_id, by_email)]

    def _has_lead(self, one: Ready, by_id: dict[str, Named], by_email: dict[str, Named]) -> bool:
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

    def without_repeats(self, ready: list[Ready]) -> list[Ready]:
        """Answer the items whose id came earlier among the same items."""
        first: dict[Key, Ready] = {}
        pending = []
        for one in ready:
            earlier = first.setdefault(one.key, one) if one.key is not None else one
            if earlier is one:
                pending.append(one)
        self._repeats = [(one, first[one.key]) for one in ready if one.key and first[one.key] is not one]
        return pending

    def make_leads(self, ready: list[Ready]) -> None:
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

    def with_own_keys(self, ready: list[Ready]) -> list[Ready]:
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

    def insert(self, ready: list[Ready]) -> None:
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

    def _row(self, one: Ready) -> dict[str, Any]:
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

    def _stored_keys(self, keys: Iterable[Key]) -> dict[Key, tuple[str, str]]:
        """Return body hash and event of the keys that are stored."""
        found: dict[Key, tuple[str, str]] = {}
        for source, group in groupby(sorted(set(keys)), key=lambda key: key[0]):
            ids = [external_id for _, external_id in group]
            for external_id, body_hmac, event_id in rows_of_each(
                self.session, _STORED_KEY, _EXTERNAL_ID, ids, source=source
            ):
                found[source, external_id] = (body_hmac, event_id)
        return found

    def _subjects(self, event_ids: Iterable[str]) -> dict[str, str]:
        rows = rows_of_each(self.session, _SUBJECT, _EVENT_ID, event_ids)
        return dict(rows)


def _repeat(one: Ready, body_hmac: str, event_id: str, lead_id: str | None) -> IngestResult:
    if body_hmac != one.body_hmac:
        return IngestResult("conflict", event_id, field="id", problem="this id came with another body")
    return IngestResult("duplicate", event_id, lead_id)


def _ids_of(ready: Iterable[Ready]) -> set[str]:
    return {one.item.lead_id for one in ready if one.item.lead_id is not None}


def _hashes_of(ready: Iterable[Ready]) -> set[str]:
    return {one.email_hmac for one in ready if one.email_hmac is not None}
