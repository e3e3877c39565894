"""Entries by time: one timer per lead, kept in line with the lead and with the records it is named in.

A timer is a row of `due`. It remembers the instant it stands for, so that it is moved when that
instant moves, and not written again once it fired. Instants that are past are never written: who
matches already when a scenario is published enters only by `existing: include`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from leadloop.inbox.entries.events import ENTRY_DUE, Asked, entry_digest
from leadloop.inbox.relaying.due_rows import ENTRY
from leadloop.journey.calendar import add_span, resolve_wait
from leadloop.journey.once import OncePer
from leadloop.journey.schedule import next_instant, zone_of
from leadloop.language.plan import (
    Cron,
    DateMatch,
    Entry,
    InactiveMatch,
    Plan,
    Publication,
    ScheduleMatch,
    SegmentMatch,
    Span,
    Until,
    WaitSpec,
)
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Due, EventKey, Lead

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

OWN_KEYS = "engine"
"""Source of the keys that say which entries by time are over."""


@dataclass(frozen=True)
class Timer:
    """One entry's timer for one lead, and for one record where it goes by the date of a record."""

    plan: Plan
    index: int
    lead_id: str
    at: datetime | None
    """None where the lead has no such instant: no date, not a member."""
    record: str = ""
    value: str = ""
    """The date as it is stored: it enters once for one value."""
    zone: ZoneInfo | None = None
    """The lead's, or the one that a schedule names; the day of the entry is its day there."""

    @property
    def entry(self) -> Entry:
        return self.plan.entry[self.index]

    @property
    def key(self) -> str:
        return f"{ENTRY}:{self.plan.scenario}:{self.index}:{self.lead_id}:{self.record}"

    @property
    def day(self) -> str:
        """What the entry stands for: a date, or its local day; with the time where a day may have several."""
        if self.value or self.at is None:
            return self.value
        local, match = self.at.astimezone(self.zone), self.entry.match
        if isinstance(match, ScheduleMatch) and isinstance(match.schedule, Cron):
            return f"{local:%Y-%m-%dT%H:%M}"
        return local.date().isoformat()

    @property
    def detail(self) -> dict[str, object]:
        at = self.at
        return {
            "scenario": self.plan.scenario,
            "entry": self.index,
            "match": entry_digest(self.entry),
            "record": self.record,
            "day": self.day,
            "at": at.astimezone(UTC).isoformat() if at else "",
            "zone": self.zone.key if self.zone else "",
        }


def keep_timers(application: Application) -> None:
    """Write, move and remove the lead's timers, so that they stand for the lead as it is now."""
    timers = list(_timers(application))
    if not timers:
        return
    now = application.now
    keys = [timer.key for timer in timers]
    rows = application.dues.get_many(keys)
    for timer in timers:
        row = rows.get(timer.key)
        if row is not None and _stays(row, timer, now):
            continue
        if timer.at is None or timer.at <= now:
            if row is not None:
                application.dues.drop(row)
            continue
        application.dues.write(timer.key, ENTRY, timer.at, timer.detail)


def fire(application: Application, row: Due) -> None:
    """Let the lead enter because its time has come, where the timer still stands for that time.

    The row is gone already; a schedule's next time is written with what follows.
    """
    timer = next((timer for timer in _timers(application) if timer.key == row.key), None)
    if timer is not None and entry_digest(timer.entry) == row.detail.get("match"):
        repeats = isinstance(timer.entry.match, ScheduleMatch)
        stands = timer.at is not None and (repeats or timer.detail["at"] == row.detail.get("at"))
        if stands and not _fired_before(application, timer):
            announce_due(application, timer, str(row.detail.get("day", "")))
    application.settle()


def _fired_before(application: Application, timer: Timer) -> bool:
    """Return whether an entry by inactivity fired for this instant: a clock set back writes it again."""
    if not isinstance(timer.entry.match, InactiveMatch):
        return False
    return not _first_time(application, f"fired:{_identity(timer)}:{timer.detail['at']}")


def announce_due(application: Application, timer: Timer, day: str) -> None:
    """Emit `entry_due`; by a date once for one value of it, also where the lead's zone moves."""
    if timer.value and not _first_time(application, f"entry:{_identity(timer)}:{timer.value}"):
        return
    application.emit(
        ENTRY_DUE,
        None,
        scenario=timer.plan.scenario,
        entry=timer.index,
        record=timer.record or None,
        day=day or None,
    )


def enter_existing(application: Application, plan: Plan, index: int, round_id: str) -> None:
    """Let a lead enter that matches an entry already, for `existing: include`; once per round."""
    entry, now = plan.entry[index], application.now
    for timer in _entry_timers(application, plan, index):
        if timer.at is None or timer.at > now:
            continue
        if isinstance(entry.match, DateMatch) and not _date_is_ahead(application, entry.match, timer.value):
            continue
        if not isinstance(entry.match, ScheduleMatch) and _first_time(
            application, _existing_key(round_id, timer)
        ):
            announce_due(application, timer, str(timer.detail["day"]))
    if is_in(application.lead, entry):
        timer = Timer(plan, index, application.lead.id, None)
        if _first_time(application, _existing_key(round_id, timer)):
            announce_due(application, timer, "")


def existing_hash(env: Environment, plan: Plan, index: int, lead_id: str, round_id: str) -> str:
    """Return the id of the key that says that a lead was let in by an entry's `existing: include`."""
    return _once_hash(env, _existing_key(round_id, Timer(plan, index, lead_id, None)))


def still_holds(application: Application, wish: Asked) -> bool:
    """Return whether what made a lead enter by time is still so, after it waited for a place."""
    match, lead = wish.entry.match, application.lead
    if isinstance(match, SegmentMatch):
        return match.segment in lead.segments
    if isinstance(match, ScheduleMatch):
        return match.segment is None or match.segment in lead.segments
    if isinstance(match, InactiveMatch):
        return _inactive_at(application, match) <= application.now
    if isinstance(match, DateMatch):
        timers = _entry_timers(application, wish.plan, wish.index)
        day = wish.event.properties.get("day")
        return any(timer.record == wish.record_key and timer.value == day for timer in timers)
    return True


def _stays(row: Due, timer: Timer, now: datetime) -> bool:
    """A row stays while it stands for the same instant.

    A schedule's stays once it is about to fire, and in the same zone until it does: its next time was
    found when the last one fired, and a host clock that is set back must not fire that one again.
    """
    if timer.at is None:
        return False
    same_entry = row.detail.get("match") == timer.detail["match"]
    if isinstance(timer.entry.match, ScheduleMatch):
        same_zone = row.detail.get("zone") == timer.detail["zone"]
        return same_entry and (row.due_at <= now or same_zone)
    return same_entry and row.detail.get("at") == timer.detail["at"]


def _entries_by_time(publication: Publication) -> list[tuple[Plan, int]]:
    return [
        (plan, index)
        for plan in publication.plans.values()
        for index, entry in enumerate(plan.entry)
        if isinstance(entry.match, InactiveMatch | DateMatch | ScheduleMatch)
    ]


_timed_entries = OncePer(_entries_by_time)


def _timers(application: Application) -> Iterator[Timer]:
    lead = application.lead
    for plan, index in _timed_entries(application.publication):
        for timer in _entry_timers(application, plan, index):
            gone = lead.erased_at is not None
            yield Timer(plan, index, lead.id, None, timer.record) if gone else timer


def _entry_timers(application: Application, plan: Plan, index: int) -> Iterator[Timer]:
    match, lead, zone = plan.entry[index].match, application.lead, application.zone
    if isinstance(match, InactiveMatch):
        yield Timer(plan, index, lead.id, _inactive_at(application, match), zone=zone)
    elif isinstance(match, ScheduleMatch):
        member = match.segment is None or match.segment in lead.segments
        zone = zone_of(match, zone)
        at = next_instant(match.schedule, application.now, zone) if member else None
        yield Timer(plan, index, lead.id, at, zone=zone)
    elif isinstance(match, DateMatch):
        for record, value in _dates(application, match):
            at = _date_at(application, match, value, match.offset)
            yield Timer(plan, index, lead.id, at, record, value, zone)


def _inactive_at(application: Application, match: InactiveMatch) -> datetime:
    since = application.lead.last_active_at or application.lead.created_at
    return add_span(since, match.after, application.zone, application.send_calendar)


def _dates(application: Application, match: DateMatch) -> list[tuple[str, str]]:
    """Return (record key, date as text): of the lead itself, or of every record that names the lead."""
    lead = application.lead
    kind, _, name = match.fact.partition(".")
    if kind == "lead":
        value = lead.fields.get(name) if name in lead.fields else getattr(lead, name, None)
        text = value.isoformat() if isinstance(value, datetime) else value
        return [("", text if isinstance(text, str) else "")]
    values = [(record.key, record.fields.get(name)) for record in application.rows.records(kind)]
    return [(key, value if isinstance(value, str) else "") for key, value in values]


def _date_at(application: Application, match: DateMatch, value: str, offset: Span | None) -> datetime | None:
    found = resolve_wait(
        WaitSpec(until=Until(fact=match.fact, offset=offset), at=match.at),
        start=application.now,
        zone=application.zone,
        calendar=application.send_calendar,
        fact=lambda name: value or None,
    )
    return found.at if found is not None else None


def _date_is_ahead(application: Application, match: DateMatch, value: str) -> bool:
    at = _date_at(application, match, value, None)
    return at is not None and at > application.now


def is_in(lead: Lead, entry: Entry) -> bool:
    """Return whether a lead is where an entry by stage or segment leads from."""
    match = entry.match
    if lead.erased_at is not None:
        return False
    if match.kind == "stage":
        return lead.stage in match.stages
    return match.kind == "segment" and match.segment in lead.segments


def _identity(timer: Timer) -> str:
    return f"{timer.plan.scenario}:{entry_digest(timer.entry)}:{timer.lead_id}:{timer.record}"


def _existing_key(round_id: str, timer: Timer) -> str:
    return f"existing:{round_id}:{_identity(timer)}"


def _once_hash(env: Environment, key: str) -> str:
    return env.keys.hash("entered-once", key)


def _first_time(application: Application, key: str) -> bool:
    """Return whether this was never done before, and note that it is now.

    The note outlives the lead, and the key may hold a date of theirs: only its hash is stored.
    """
    session = application.session
    hashed = _once_hash(application.env, key)
    if session.get(EventKey, (OWN_KEYS, hashed)) is not None:
        return False
    session.add(EventKey(source=OWN_KEYS, external_id=hashed, body_hmac="", event_id=new_id()))
    return True
