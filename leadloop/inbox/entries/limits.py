"""`limit: 500 per day`: places for entries. Who finds none gets a place in a later period, in order.

A counter per entry gives out places: the period they are in, and how many of it are taken. It is
locked while a place is taken, so two workers never give out the same one.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from leadloop.inbox.entries.events import Asked, entry_digest
from leadloop.journey.schedule import period_of
from leadloop.language.plan import Entry, Frequency, Plan
from leadloop.storage.tables import Setting


def take_place(session: Session, wish: Asked, now: datetime, zone: ZoneInfo) -> datetime:
    """Take the next place under the entry's limit; return when it is: now, or a period's start.

    Periods are those of the workspace's calendar, so `zone` is the workspace's.
    """
    limit = wish.entry.limit
    if limit is None:
        return now
    row = _locked(session, _key(wish))
    period, taken = _next(limit, row.value, now, zone)
    row.value = {"from": period.isoformat(), "taken": taken}
    session.add(row)
    session.flush()
    return max(period, now)


def next_place(session: Session, wish: Asked, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when the next place is, without taking it."""
    limit = wish.entry.limit
    if limit is None:
        return now
    row = session.get(Setting, _key(wish))
    period, _ = _next(limit, row.value if row is not None else {}, now, zone)
    return max(period, now)


def _next(limit: Frequency, value: dict[str, object], now: datetime, zone: ZoneInfo) -> tuple[datetime, int]:
    """Return the period of the next place, and how many of its places are taken with it."""
    present, _ = period_of(limit, now, zone)
    stored = value.get("from")
    period = datetime.fromisoformat(stored) if isinstance(stored, str) else present
    taken = value.get("taken")
    if period < present or not isinstance(taken, int):
        return present, 1
    if taken < limit.count:
        return period, taken + 1
    return period_of(limit, period, zone)[1], 1


def places_key(plan: Plan, entry: Entry) -> str:
    """Return the key of the `setting` that counts an entry's places."""
    return f"places:{plan.scenario}:{entry_digest(entry)}"


def _key(wish: Asked) -> str:
    return places_key(wish.plan, wish.entry)


def _locked(session: Session, key: str) -> Setting:
    row = session.get(Setting, key, with_for_update=True, populate_existing=True)
    if row is not None:
        return row
    with suppress(IntegrityError), session.begin_nested():  # another worker may be first
        session.add(Setting(key=key))
    return session.get_one(Setting, key, with_for_update=True, populate_existing=True)
