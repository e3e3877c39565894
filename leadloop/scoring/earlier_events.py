"""What a lead did before, for rules that count: its applied events of a type, since an instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from leadloop.storage.tables import Event


class EarlierEvent(NamedTuple):
    """What rules look at."""

    id: str
    type: str
    properties: Mapping[str, Any]
    occurred_at: datetime
    lead_seq: int


_EVENTS = select(
    Event.lead_id, Event.id, Event.type, Event.properties, Event.occurred_at, Event.lead_seq
).where(  # type: ignore[call-overload]  # SQLModel types up to four columns
    col(Event.lead_id).in_(bindparam("ids", expanding=True)),
    col(Event.type).in_(bindparam("types", expanding=True)),
    col(Event.occurred_at) > bindparam("since"),
)
_SEQS = select(Event.id, Event.lead_seq).where(col(Event.id).in_(bindparam("ids", expanding=True)))


class EarlierEvents:
    """One locked lead's applied events, asked for by type.

    What was read ahead covers some types from an instant on; events that are applied after it are added.
    Anything else is read when it is asked for.
    """

    def __init__(
        self,
        session: Session,
        lead_id: str,
        types: Iterable[str] = (),
        since: datetime | None = None,
        rows: Iterable[EarlierEvent] = (),
        seqs: Mapping[str, int] | None = None,
    ) -> None:
        self._session = session
        self._lead_id = lead_id
        self._types = frozenset(types)
        self._since = since
        self._rows = list(rows)
        self._seqs = dict(seqs or {}) | {row.id: row.lead_seq for row in self._rows}

    def add(self, event: Event) -> None:
        """Say that an event was applied."""
        seq = event.lead_seq or 0
        self._seqs[event.id] = seq
        if event.type in self._types:
            self._rows.append(EarlierEvent(event.id, event.type, event.properties, event.occurred_at, seq))

    def of(self, event_type: str, since: datetime) -> Sequence[EarlierEvent]:
        """Return the events of a type that happened after an instant, in no order."""
        if event_type in self._types and self._since is not None and self._since <= since:
            return [row for row in self._rows if row.type == event_type and row.occurred_at > since]
        return read_earlier(self._session, [self._lead_id], [event_type], since).get(self._lead_id, [])

    def seq_of(self, event_id: str) -> int:
        """Return the `lead_seq` of an applied event; 0 where it is gone."""
        if event_id not in self._seqs:
            self._seqs[event_id] = read_seqs(self._session, [event_id]).get(event_id, 0)
        return self._seqs[event_id]


def read_earlier(
    session: Session, lead_ids: Sequence[str], types: Sequence[str], since: datetime
) -> Mapping[str, list[EarlierEvent]]:
    """Return the applied events of some types after an instant, for each of several leads."""
    found: dict[str, list[EarlierEvent]] = {}
    asked = {"ids": list(lead_ids), "types": list(types), "since": since}
    for lead_id, *values in session.execute(_EVENTS, asked):
        found.setdefault(lead_id, []).append(EarlierEvent._make(values))
    return found


def read_seqs(session: Session, event_ids: Sequence[str]) -> Mapping[str, int]:
    """Return the `lead_seq` of events; those that are gone are left out."""
    return {row[0]: row[1] or 0 for row in session.execute(_SEQS, {"ids": list(event_ids)})}
