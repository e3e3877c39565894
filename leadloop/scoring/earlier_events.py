"""What a lead did before, for rules and conditions that count: its applied events of a type."""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam
from sqlmodel import Session, col, func, select

from leadloop.storage.tables import Event

EVER = datetime(1, 1, 1, tzinfo=UTC)
"""Before anything happened."""
_MOST = 50
"""Events of one type that are read ahead for a lead, the newest ones: most questions ask for fewer."""
_ROWS_AT_ONCE = 200


class EarlierEvent(NamedTuple):
    """What rules and conditions look at."""

    id: str
    type: str
    properties: Mapping[str, Any]
    occurred_at: datetime
    message_id: str | None
    lead_seq: int


_COLUMNS = (Event.id, Event.type, Event.properties, Event.occurred_at, Event.message_id, Event.lead_seq)
_PLACE = (
    func.row_number()
    .over(
        partition_by=(col(Event.lead_id), col(Event.type)),
        order_by=(col(Event.occurred_at).desc(), col(Event.lead_seq).desc()),
    )
    .label("place")
)
_NUMBERED = (
    select(Event.lead_id, *_COLUMNS, _PLACE)  # type: ignore[call-overload]  # SQLModel types four columns
    .where(
        col(Event.lead_id).in_(bindparam("ids", expanding=True)),
        col(Event.type).in_(bindparam("types", expanding=True)),
        col(Event.occurred_at) > bindparam("since"),
    )
    .subquery()
)
_NEWEST = (
    select(*[_NUMBERED.c[name] for name in ("lead_id", *EarlierEvent._fields)])
    .where(_NUMBERED.c.place <= _MOST)
    .order_by(_NUMBERED.c.place)
)
_SEQS = select(Event.id, Event.lead_seq).where(col(Event.id).in_(bindparam("ids", expanding=True)))


class EarlierEvents:
    """One locked lead's applied events, asked for by type.

    `known` are those of some types that were read ahead, newest first, `since` an instant; what is applied
    later is added. Anything else is read when it is asked for.
    """

    def __init__(
        self,
        session: Session,
        lead_id: str,
        known: Mapping[str, list[EarlierEvent]] | None = None,
        since: datetime = EVER,
        seqs: Mapping[str, int] | None = None,
    ) -> None:
        self._session = session
        self._lead_id = lead_id
        self._known = dict(known or {})
        # There are more than were read: what is as old as the last one may be missing.
        self._since = {
            name: rows[-1].occurred_at if len(rows) >= _MOST else since for name, rows in self._known.items()
        }
        self._seqs = dict(seqs or {}) | {
            row.id: row.lead_seq for rows in self._known.values() for row in rows
        }

    def add(self, event: Event) -> None:
        """Say that an event was applied."""
        seq = event.lead_seq or 0
        self._seqs[event.id] = seq
        complete = self._since.get(event.type)
        if complete is not None and event.occurred_at > complete:  # older ones are read when asked for
            row = EarlierEvent(
                event.id, event.type, event.properties, event.occurred_at, event.message_id, seq
            )
            insort(self._known[event.type], row, key=_newest)

    def of(self, event_type: str, since: datetime) -> Sequence[EarlierEvent]:
        """Return the events of a type that happened after an instant, newest first."""
        complete = self._since.get(event_type)
        if complete is not None and complete <= since:
            return [row for row in self._known[event_type] if row.occurred_at > since]
        return [row for row in self.newest_first(event_type, since) if row.occurred_at > since]

    def newest_first(
        self,
        event_type: str,
        since: datetime | None,
        after_seq: int = 0,
        messages: Collection[str] | None = None,
    ) -> Iterator[EarlierEvent]:
        """Yield the events of a type from an instant on, newest first; no more of them is read than needed.

        Only those with a greater `lead_seq`, and of these messages where some are named.
        """
        since = since or EVER
        known = list(self._known.get(event_type, ()))
        for row in known:
            if row.occurred_at < since:
                return
            if row.lead_seq > after_seq and (messages is None or row.message_id in messages):
                yield row
        until = self._since.get(event_type)
        if until is None or (until != EVER and since <= until):
            seen = {row.id for row in known}
            yield from (
                row for row in self._read(event_type, since, until, after_seq, messages) if row.id not in seen
            )

    def _read(
        self,
        event_type: str,
        since: datetime,
        until: datetime | None,
        after_seq: int,
        messages: Collection[str] | None,
    ) -> Iterator[EarlierEvent]:
        statement = select(*_COLUMNS).where(  # type: ignore[call-overload]
            Event.lead_id == self._lead_id, Event.type == event_type, col(Event.lead_seq) > after_seq
        )
        if since != EVER:
            statement = statement.where(Event.occurred_at >= since)
        if until is not None:
            statement = statement.where(Event.occurred_at <= until)
        if messages is not None:
            statement = statement.where(col(Event.message_id).in_(messages))
        statement = statement.order_by(col(Event.occurred_at).desc(), col(Event.lead_seq).desc())
        options = {"yield_per": _ROWS_AT_ONCE}
        with closing(self._session.execute(statement, execution_options=options)) as rows:
            yield from map(EarlierEvent._make, rows)

    def seq_of(self, event_id: str) -> int:
        """Return the `lead_seq` of an applied event; 0 where it is gone."""
        if event_id not in self._seqs:
            self._seqs[event_id] = read_seqs(self._session, [event_id]).get(event_id, 0)
        return self._seqs[event_id]


def _newest(row: EarlierEvent) -> tuple[float, int]:
    return -row.occurred_at.timestamp(), -row.lead_seq


def read_earlier(
    session: Session, lead_ids: Sequence[str], types: Sequence[str], since: datetime
) -> dict[str, dict[str, list[EarlierEvent]]]:
    """Return the newest applied events of some types after an instant, by lead and type."""
    found: dict[str, dict[str, list[EarlierEvent]]] = {
        lead_id: {name: [] for name in types} for lead_id in lead_ids
    }
    asked = {"ids": list(lead_ids), "types": list(types), "since": since}
    for lead_id, *values in session.execute(_NEWEST, asked):
        row = EarlierEvent._make(values)
        found[lead_id][row.type].append(row)
    return found


def read_seqs(session: Session, event_ids: Sequence[str]) -> Mapping[str, int]:
    """Return the `lead_seq` of events; those that are gone are left out."""
    return {row[0]: row[1] or 0 for row in session.execute(_SEQS, {"ids": list(event_ids)})}
