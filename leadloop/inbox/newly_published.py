"""What a publication changes for the leads that are known already, and bringing one lead in line.

Notes are written when a publication goes live. Until the backfill has visited a lead, the lead's own
next event visits it first, so that what it was at publication is never taken for news.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from leadloop.inbox.entries.companies import first_person
from leadloop.inbox.entries.timers import enter_existing, keep_timers
from leadloop.inbox.memberships import keep_segments
from leadloop.language.plan import (
    DateMatch,
    Entry,
    InactiveMatch,
    Plan,
    Publication,
    ScheduleMatch,
    Segment,
)
from leadloop.scoring.thresholds import read_thresholds
from leadloop.storage.columns import new_id
from leadloop.storage.switches import BACKFILL, switch
from leadloop.storage.tables import Setting

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

KEY = BACKFILL
_DONE: set[str] = set()
"""Publications that ask nothing more of any lead: new notes come with a new publication."""


@dataclass(frozen=True)
class Notes:
    """What is to be looked at for each lead, and how far that is."""

    publication: str
    base: str | None
    """The publication that every lead was last brought in line with."""
    round_id: str
    since: str
    """When the publication went live, ISO 8601. Leads that came later need no visit."""
    silent: tuple[str, ...] = ()
    """Segments that are new or changed: who is a member already joins them without an event."""
    entries: tuple[tuple[str, int], ...] = ()
    """(scenario, number) of the entries that take in who matches already."""
    looks_again: bool = True
    """Whether timers or scores of every lead are to be looked at too."""
    cursor: str = ""
    """Id of the last lead that was visited; they are visited in the order of their ids."""
    visited: int = 0
    finished: bool = False

    def awaits(self, lead_id: str, created_at: datetime) -> bool:
        """Return whether a lead is still to be visited."""
        return (
            not self.finished and lead_id > self.cursor and created_at <= datetime.fromisoformat(self.since)
        )


def read_notes(session: Session) -> Notes | None:
    """Return the notes of the last publication that changed something for known leads."""
    row = session.get(Setting, KEY)
    return _from_row(row) if row is not None else None


def lock_notes(session: Session) -> tuple[Setting, Notes] | None:
    """Return the notes with their row, locked."""
    row = session.get(Setting, KEY, with_for_update=True, populate_existing=True)
    return (row, _from_row(row)) if row is not None else None


def write_notes(session: Session, notes: Notes, row: Setting | None) -> None:
    """Write the notes."""
    row = row or Setting(key=KEY)
    row.value = asdict(notes)
    session.add(row)


def moved_on(notes: Notes, cursor: str, visited: int, finished: bool) -> Notes:
    """Return the notes after a batch of visits; the cursor never goes back."""
    return replace(
        notes, cursor=max(notes.cursor, cursor), visited=notes.visited + visited, finished=finished
    )


def notes_for(
    base: Publication | None,
    base_id: str | None,
    new: Publication,
    new_id_: str,
    now: datetime,
    round_id: str,
) -> Notes | None:
    """Return what a publication changes for known leads, or None where it changes nothing for them."""
    silent = _changed_segments(base.segments if base is not None else {}, new.segments)
    entries = [
        (plan.scenario, index)
        for plan in new.plans.values()
        for index, entry in enumerate(plan.entry)
        if entry.existing == "include" and not _included(base, plan, entry)
    ]
    looks_again = _looks_again(base, new)
    if not (silent or entries or looks_again):
        return None
    return Notes(new_id_, base_id, round_id, now.isoformat(), tuple(silent), tuple(entries), looks_again)


def fresh_round() -> str:
    """Return a name under which each lead enters at most once by `existing: include`."""
    return new_id()


def catch_up(application: Application) -> None:
    """Visit the lead now where the backfill has not come to it yet."""
    publication = application.stored.id
    if publication in _DONE:
        return
    value = switch(application.session, KEY)
    notes = _from_value(value) if value is not None else None
    lead = application.lead
    if notes is None or notes.finished:
        _DONE.add(publication)
    if notes is not None and notes.awaits(lead.id, lead.created_at):
        visit(application, notes)


def visit(application: Application, notes: Notes) -> None:
    """Bring one lead in line with what was published: memberships, timers, entries. Idempotent."""
    application.reread_scores()
    keep_segments(application, None, silent=notes.silent)
    keep_timers(application)
    if application.lead.created_at <= datetime.fromisoformat(notes.since):
        for scenario, index in notes.entries:
            plan = application.publication.plans.get(scenario)
            if plan is None or index >= len(plan.entry):
                continue
            # Of a company only the person whose journey it would be is asked.
            if plan.per != "company" or first_person(application) == application.lead.id:
                enter_existing(application, plan, index, notes.round_id)
    application.drain()


def _from_row(row: Setting) -> Notes:
    return _from_value(row.value)


def _from_value(stored: dict[str, Any]) -> Notes:
    value = dict(stored)
    value["silent"] = tuple(value.get("silent", ()))
    value["entries"] = tuple((str(scenario), int(index)) for scenario, index in value.get("entries", ()))
    return Notes(**{name: value[name] for name in Notes.__dataclass_fields__ if name in value})


def _changed_segments(old: dict[str, Segment], new: dict[str, Segment]) -> list[str]:
    """Return the segments that are new or changed, or ask for one that is."""
    changed = {name for name, segment in new.items() if name not in old or old[name].when != segment.when}
    while True:
        asking = {
            name
            for name, segment in new.items()
            if any(f'"{other}" in lead.segments' in segment.when.source for other in changed)
        }
        if asking <= changed:
            return sorted(changed)
        changed |= asking


def _included(base: Publication | None, plan: Plan, entry: Entry) -> bool:
    """Return whether an entry took in existing leads before."""
    before = base.plans.get(plan.scenario) if base is not None else None
    return before is not None and any(
        item.existing == "include" and item.match == entry.match for item in before.entry
    )


def _looks_again(base: Publication | None, new: Publication) -> bool:
    """Return whether timers or the numbers that scores are compared with changed."""
    if base is None:
        return bool(_time_entries(new)) or bool(_edges(new))
    return (
        _time_entries(base) != _time_entries(new)
        or base.segments.keys() != new.segments.keys()
        or _edges(base) != _edges(new)
        or base.scoring != new.scoring
        or base.workspace.timezone != new.workspace.timezone
    )


def _time_entries(publication: Publication) -> list[tuple[str, int, object]]:
    return [
        (plan.scenario, index, entry.match)
        for plan in publication.plans.values()
        for index, entry in enumerate(plan.entry)
        if isinstance(entry.match, InactiveMatch | DateMatch | ScheduleMatch)
    ]


def _edges(publication: Publication) -> object:
    parts = (publication.plans, publication.segments, publication.lifecycle)
    return read_thresholds(parts, publication.scoring.models).edges
