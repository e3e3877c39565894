"""Facts that the engine itself reports about a lead it has locked: rows of `event` like all others.

They skip what `ingest` asks of strangers: the event is a built-in one without properties, its lead is
known. Nobody is told of them either: a turn follows at once, and applies them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Insert, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from leadloop.inbox.ingestion.incoming import IncomingEvent
from leadloop.inbox.ingestion.item_checks import body_hash
from leadloop.inbox.ingestion.storing import OWN
from leadloop.storage.columns import new_id, table_of
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, EventKey

_KEYS = table_of(EventKey)
_NEW_KEY: dict[str, Insert] = {
    "sqlite": sqlite.insert(_KEYS).on_conflict_do_nothing().returning(_KEYS.c.event_id),
    "postgresql": postgresql.insert(_KEYS).on_conflict_do_nothing().returning(_KEYS.c.event_id),
}
"""They return what they wrote: SQLAlchemy does not count the rows of an INSERT on PostgreSQL."""
_EVENT = insert(table_of(Event))


def record_own(
    session: Session, env: Environment, event_type: str, lead_id: str, external_id: str, *, message_id: str
) -> bool:
    """Store a fact about a locked lead, once for each `external_id`; return whether it is a new one."""
    event_id, now = new_id(), env.clock.now()
    item = IncomingEvent(event_type, lead_id=lead_id, external_id=external_id, source=OWN)
    connection = session.connection()
    key: dict[str, Any] = {
        "source": OWN,
        "external_id": external_id,
        "body_hmac": body_hash(env, item),
        "event_id": event_id,
    }
    if connection.execute(_NEW_KEY[connection.dialect.name], key).first() is None:
        return False
    connection.execute(
        _EVENT,
        {
            "id": event_id,
            "subject_id": lead_id,
            "type": event_type,
            "properties": {},
            "identity": {},
            "source": OWN,
            "trust": "verified",
            "occurred_at": now,
            "received_at": now,
            "message_id": message_id,
            "depth": 0,
        },
    )
    return True
