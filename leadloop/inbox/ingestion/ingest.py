"""The inbox: every fact from outside becomes one row of `event`, once.

The same external id counts once; the same id with another body is a conflict. What must act before
anything else (a refusal, a hard bounce, a complaint) is written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from leadloop.inbox.ingestion.event_rules import InvalidItemError, rules_of
from leadloop.inbox.ingestion.incoming import IncomingEvent, IngestResult
from leadloop.inbox.ingestion.item_checks import prepare
from leadloop.inbox.ingestion.storing import EVENTS, OWN, store
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EventKey

__all__ = ["EVENTS", "OWN", "IncomingEvent", "IngestResult", "check_item", "ingest"]


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
