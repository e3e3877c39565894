"""Which entry of a scenario an event is, and what a journey that it begins would be unique for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadloop.inbox.records_of import record_of, runs_for_record
from leadloop.journey.once import OncePer
from leadloop.language.plan import (
    Entry,
    EventMatch,
    ManualMatch,
    Plan,
    Publication,
    SegmentMatch,
    StageMatch,
    digest,
)
from leadloop.scoring.matching import matches
from leadloop.storage.tables import Event, Lead, Record

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

ENTRY_DUE = "entry_due"
"""`entry_due {scenario, entry, record?, day?, event?}`: the time of an entry has come for the lead, or,
with `event`, what a colleague did enters the lead in its company's place."""
ENROL_REQUESTED = "enrol_requested"
"""`enrol_requested {scenario, record?, start?}`: a person, a command, the API or a step asks."""

_EVENT_OF = {
    "event": "",
    "stage": "stage_changed",
    "segment": "segment_entered",
    "manual": ENROL_REQUESTED,
    "inactive": ENTRY_DUE,
    "date": ENTRY_DUE,
    "schedule": ENTRY_DUE,
}
"""Kind of an entry -> type of the event that comes for it; empty: the one that the entry names."""


@dataclass(frozen=True)
class Asked:
    """An event that is an entry of a scenario, for the lead it happened to."""

    plan: Plan
    index: int
    event: Event
    """The event that was applied."""
    cause: Event
    """The event that begins the journey: the same one, or the colleague's that stands behind it."""
    record_key: str
    """Empty for `per: lead` and `per: company`, and where the event names no record."""
    subject_key: str
    """Whom the journey is unique for; empty where that is not known."""

    @property
    def entry(self) -> Entry:
        return self.plan.entry[self.index]

    @property
    def chosen(self) -> bool:
        """Whether the lead was chosen already, so that its company is not asked again."""
        return self.event.type == ENTRY_DUE and "event" in self.event.properties

    @property
    def start(self) -> str | None:
        """The step to begin with; None is the first."""
        start = self.event.properties.get("start") if self.event.type == ENROL_REQUESTED else None
        return start if isinstance(start, str) and start in self.plan.steps else self.entry.start


def _by_event(publication: Publication) -> dict[str, list[Plan]]:
    found: dict[str, list[Plan]] = {}
    for plan in publication.plans.values():
        types = {_EVENT_OF[entry.match.kind] or getattr(entry.match, "event", "") for entry in plan.entry}
        for event_type in sorted(types | {ENTRY_DUE}):
            found.setdefault(event_type, []).append(plan)
    return found


_plans_by_event = OncePer(_by_event)


def plans_entered_by(publication: Publication, event: Event) -> Sequence[Plan]:
    """Return the scenarios of which an event may be an entry, by its type alone."""
    plans = _plans_by_event(publication).get(event.type, ())
    if event.type in (ENTRY_DUE, ENROL_REQUESTED):  # it names its scenario
        return [plan for plan in plans if plan.scenario == event.properties.get("scenario")]
    return plans


def asked(application: Application, plan: Plan, event: Event) -> Asked | None:
    """Return the first entry of a plan that the event is, or None."""
    index = _index(application, plan, event)
    return None if index is None else asked_by(application, plan, index, event)


def asked_by(application: Application, plan: Plan, index: int, event: Event) -> Asked:
    """Return what an event asks for that is known to be one entry of a plan."""
    lead = application.lead
    record_key = record_of(plan, event, application.publication.workspace) or ""
    subject_key = lead.id
    if plan.per == "company":
        subject_key = company_key(lead.company_id)
    elif runs_for_record(plan):
        subject_key = _record_subject(application, plan, record_key)
    return Asked(plan, index, event, _cause(application, event), record_key, subject_key)


def company_key(company_id: str | None) -> str:
    """Return the subject of a company's journeys; empty for a lead without a company."""
    return f"company:{company_id}" if company_id else ""


def entry_digest(entry: Entry) -> str:
    """Return a short name of what an entry matches, which stays when entries change places."""
    return digest(entry.match)[:12]


def _record_subject(application: Application, plan: Plan, record_key: str) -> str:
    lead: Lead = application.lead
    kind = application.publication.workspace.records.get(plan.per)
    if kind is None or kind.of != "company":
        return lead.id
    record = application.session.get(Record, (plan.per, record_key)) if record_key else None
    company_id = record.company_id if record is not None else None
    return company_key(company_id or lead.company_id) or lead.id


def _cause(application: Application, event: Event) -> Event:
    behind = event.properties.get("event") if event.type == ENTRY_DUE else None
    found = application.session.get(Event, behind) if isinstance(behind, str) else None
    return found or event


def _index(application: Application, plan: Plan, event: Event) -> int | None:
    if event.type == ENTRY_DUE:
        index = event.properties.get("entry")
        mine = event.properties.get("scenario") == plan.scenario
        return index if mine and isinstance(index, int) and 0 <= index < len(plan.entry) else None
    entries = enumerate(plan.entry)
    if event.type == ENROL_REQUESTED:
        if event.properties.get("scenario") != plan.scenario:
            return None
        return next((index for index, entry in entries if isinstance(entry.match, ManualMatch)), None)
    return next((index for index, entry in entries if _is_entry(application, entry, event)), None)


def _is_entry(application: Application, entry: Entry, event: Event) -> bool:
    match = entry.match
    if isinstance(match, SegmentMatch):
        return event.type == "segment_entered" and event.properties.get("segment") == match.segment
    if isinstance(match, EventMatch | StageMatch):
        return matches(match, event, application.facts)
    return False  # entries by time and by hand come as events of their own
