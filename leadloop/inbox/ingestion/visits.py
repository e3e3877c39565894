"""What the script on web pages reports: events of a visitor, or of the lead the visitor is known to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from leadloop.inbox.ingestion.ingest import IncomingEvent, IngestResult, check_item, ingest
from leadloop.leads.visitors import lock_visitor
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, EventKey, Lead, Visitor

_SOURCE = "tracking"


@dataclass(frozen=True)
class Visit:
    """One event as the script reports it. `id` is random, so that a repeated report counts once."""

    id: str
    type: str
    properties: dict[str, Any] = field(default_factory=dict)


def record_visits(
    session: Session, env: Environment, visitor_id: str, visits: Sequence[Visit]
) -> list[IngestResult]:
    """Store what a browser reports, in the caller's transaction; one result per visit, in order.

    Properties that the workspace does not declare are left out: the script sends what it knows.
    """
    now = env.clock.now()
    declared = env.publications.current(session).publication.workspace.events
    visitor = lock_visitor(session, env, visitor_id, now)
    lead = session.get(Lead, visitor.lead_id) if visitor.lead_id else None
    known = lead is not None and lead.erased_at is None
    items = [
        IncomingEvent(
            visit.type,
            {name: value for name, value in visit.properties.items() if name in declared.get(visit.type, {})},
            lead_id=visitor.lead_id if known else None,
            external_id=f"visit:{visit.id}",
            source=_SOURCE,
        )
        for visit in visits
    ]
    if known:
        return ingest(session, env, items)
    return [_store(session, env, visitor, item) for item in items]


def _store(session: Session, env: Environment, visitor: Visitor, item: IncomingEvent) -> IngestResult:
    """Keep an event of nobody; there is nothing to apply it to."""
    problem = check_item(session, env, item)
    if problem is not None:
        return problem
    now = env.clock.now()
    event = Event(
        id=new_id(), subject_id=visitor.id, type=item.type, properties=item.properties, source=_SOURCE,
        trust=item.trust, occurred_at=now, received_at=now, applied_at=now,
    )  # fmt: skip
    session.add(event)
    session.add(EventKey(source=_SOURCE, external_id=item.external_id or "", body_hmac="", event_id=event.id))
    session.flush()
    return IngestResult("accepted", event.id)
