"""What is stored about a locked lead, each kind of rows read once per transaction.

Whoever decides about one lead reads a kind when it is asked for. The applier, which decides about many
leads, has all of them read ahead (`read_ahead`): each statement brings the rows of every lead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, bindparam
from sqlmodel import Session, SQLModel, col, select

from leadloop.inbox.entries.events import plans_entered_by
from leadloop.inbox.entries.history import EntryHistory, HistoryAhead
from leadloop.inbox.questions import asked_of_leads
from leadloop.inbox.relaying.due_rows import LeadDues
from leadloop.journey.past import begins
from leadloop.language.plan import Did, Publication, Workspace
from leadloop.leads import consent, pauses
from leadloop.sales.deals import OpenDeals
from leadloop.scoring.earlier_events import EVER, EarlierEvents, read_earlier, read_seqs
from leadloop.scoring.ledger import LeadLedger, read_lines, read_readings
from leadloop.scoring.rules import last_counted, looks_back
from leadloop.storage.switches import BACKFILL, SCENARIO_PAUSE, read_switches
from leadloop.storage.tables import (
    ArmedWait,
    Company,
    Due,
    Enrolment,
    EnrolmentStatus,
    Event,
    Lead,
    Message,
    Record,
    TopicSuppression,
)

_ZONES = timedelta(days=2)
"""More than what days differ by from zone to zone."""
_Row = TypeVar("_Row", bound=SQLModel)

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_PENDING = (
    select(Event)
    .where(col(Event.subject_id).in_(_IDS), col(Event.applied_at).is_(None))
    .order_by(col(Event.received_at), col(Event.id))
)
_OPEN_JOURNEYS = (
    select(Enrolment)
    .where(col(Enrolment.lead_id).in_(_IDS), Enrolment.status != EnrolmentStatus.ENDED)
    .order_by(col(Enrolment.id))
)
_ARMED = (
    select(ArmedWait)
    .where(col(ArmedWait.enrolment_id).in_(_IDS))
    .order_by(col(ArmedWait.enrolment_id), col(ArmedWait.branch))
)
_DUES = select(Due).where(col(Due.lead_id).in_(_IDS))
_RECORDS = select(Record).where(col(Record.lead_id).in_(_IDS)).order_by(col(Record.key))
_COMPANIES = select(Company).where(col(Company.id).in_(_IDS))
_MESSAGES = select(Message).where(col(Message.id).in_(_IDS))


class LeadRows:
    """The rows of one lead. What is added or removed in the transaction is told here."""

    def __init__(self, session: Session, lead: Lead) -> None:
        self._session = session
        self._lead = lead
        self._pending: list[Event] | None = None
        self._armed: list[ArmedWait] | None = None
        self._consents: frozenset[consent.Written] | None = None
        self._records: list[Record] | None = None
        self._held: Sequence[object] = ()
        """The session knows rows for as long as somebody holds them."""

    def take_pending(self, most: int | None = None) -> list[Event]:
        """Return the lead's unapplied events, oldest first; `most` of them where they were not read ahead."""
        rows, self._pending = self._pending, None
        return rows if rows is not None else pending_of(self._session, self._lead.id, most)

    @cached_property
    def journeys(self) -> list[Enrolment]:
        """The lead's journeys that have not ended, oldest first."""
        return _all(self._session, _OPEN_JOURNEYS, [self._lead.id])

    def armed(self, enrolment_ids: Iterable[str]) -> list[ArmedWait]:
        """Return the armed waits of open journeys, in the order of their branches."""
        wanted = list(enrolment_ids)
        if self._armed is not None:
            return [row for row in self._armed if row.enrolment_id in wanted]
        return _all(self._session, _ARMED, wanted)

    def records(self, kind: str) -> list[Record]:
        """Return the records of a kind that name the lead, in the order of their keys."""
        rows = self._records
        if rows is None:
            rows = _all(self._session, _RECORDS, [self._lead.id])
        return [row for row in rows if row.kind == kind]

    def waits_changed(self) -> None:
        """Say that waits were armed or disarmed."""
        self._armed = None

    @cached_property
    def pauses(self) -> list[TopicSuppression]:
        """The lead's pauses of topics that nothing has lifted."""
        return pauses.open_suppressions(self._session, self._lead)

    def pauses_changed(self) -> None:
        """Say that topics were paused."""
        self.__dict__.pop("pauses", None)

    @cached_property
    def dues(self) -> LeadDues:
        """What time alone will cause."""
        return LeadDues(self._session, self._lead.id)

    @cached_property
    def ledger(self) -> LeadLedger:
        """The lead's points."""
        return LeadLedger(self._session, self._lead.id, dues=self.dues)

    @cached_property
    def deals(self) -> OpenDeals:
        """How many deals are open; leads of one transaction share it, as colleagues share deals."""
        return OpenDeals(self._session)

    @cached_property
    def history(self) -> EntryHistory:
        """The journeys that the rules of re-entry ask about."""
        return EntryHistory(self._session)

    @cached_property
    def earlier(self) -> EarlierEvents:
        """The lead's applied events."""
        return EarlierEvents(self._session, self._lead.id)

    @property
    def consents(self) -> frozenset[consent.Written] | None:
        """The permissions that pending events had brought before; None: not known."""
        return self._consents


def pending_of(session: Session, subject_id: str, most: int | None = None) -> list[Event]:
    """Return the unapplied events that were reported for a lead, oldest first, or `most` of them."""
    return _all(session, _PENDING.limit(most), [subject_id])


def read_ahead(
    session: Session, publication: Publication, leads: Sequence[Lead], now: datetime, most: int | None = None
) -> dict[str, LeadRows]:
    """Read what applying their pending events will ask of several locked leads; by id of the lead.

    `most` is how many events to take, the oldest of them all: each lead's remain in order.
    """
    ids = [lead.id for lead in leads]
    found = {lead.id: LeadRows(session, lead) for lead in leads}
    pending = _by(lambda row: row.subject_id, _all(session, _PENDING.limit(most), ids))
    living = [lead for lead in leads if lead.id in pending and lead.erased_at is None]
    for lead in leads:
        found[lead.id]._pending = pending.get(lead.id, [])
    if living:
        _read_ahead(session, publication, living, pending, found, now)
    return found


def read_facts_ahead(session: Session, leads: Sequence[Lead]) -> dict[str, LeadRows]:
    """Read what conditions ask of several locked leads: points, deals, companies; by id of the lead."""
    ids = [lead.id for lead in leads]
    lines, readings = read_lines(session, ids), read_readings(session, ids)
    held = _companies(session, leads)
    deals = OpenDeals(session, leads)
    found = {}
    for lead in leads:
        rows = found[lead.id] = LeadRows(session, lead)
        rows.ledger = LeadLedger(
            session,
            lead.id,
            lines=lines.get(lead.id, ()),
            readings=readings.get(lead.id, ()),
            dues=rows.dues,
        )
        rows.deals = deals
        rows._held = held
    return found


def _companies(session: Session, leads: Iterable[Lead]) -> list[Company]:
    return _all(session, _COMPANIES, sorted({lead.company_id for lead in leads if lead.company_id}))


def _read_ahead(
    session: Session,
    publication: Publication,
    leads: Sequence[Lead],
    pending: Mapping[str, Sequence[Event]],
    found: Mapping[str, LeadRows],
    now: datetime,
) -> None:
    ids = [lead.id for lead in leads]
    events = [event for one in ids for event in pending[one]]
    open_journeys: list[Enrolment] = _all(session, _OPEN_JOURNEYS, ids)
    journeys = _by(lambda row: row.lead_id, open_journeys)
    armed = _by(lambda row: row.lead_id, _all(session, _ARMED, [row.id for row in open_journeys]))
    paused = _by(lambda row: row.lead_id, pauses.open_suppressions_of(session, ids))
    dues = _by(lambda row: row.lead_id, _all(session, _DUES, ids))
    records = _by(lambda row: row.lead_id or "", _all(session, _RECORDS, ids))
    lines, readings = read_lines(session, ids), read_readings(session, ids)
    held = [
        *_companies(session, leads),
        *_all(session, _MESSAGES, sorted({event.message_id for event in events if event.message_id})),
    ]
    deals = OpenDeals(session, leads)
    consents = consent.written_before(session, events)
    history = _history(session, publication, ids, pending)
    scenarios = {*publication.plans, *(row.scenario for row in open_journeys)}
    read_switches(session, BACKFILL, *(f"{SCENARIO_PAUSE}{name}" for name in sorted(scenarios)))
    for one in ids:
        rows = found[one]
        rows.journeys = journeys.get(one, [])
        rows.pauses = paused.get(one, [])
        rows.dues = LeadDues(session, one, dues.get(one, ()))
        rows.ledger = LeadLedger(
            session, one, lines=lines.get(one, ()), readings=readings.get(one, ()), dues=rows.dues
        )
        rows.deals = deals
        rows._armed = armed.get(one, [])
        rows.history = history
        rows._consents = consents
        rows._records = records.get(one, [])
        rows._held = held
    _read_earlier(session, publication, ids, pending, found, now)


def _history(
    session: Session, publication: Publication, ids: Sequence[str], pending: Mapping[str, Sequence[Event]]
) -> HistoryAhead:
    """Read what leads had last in the scenarios that their events may enter, where those run for leads."""
    events = [event for one in ids for event in pending[one]]
    plans = [plan for event in events for plan in plans_entered_by(publication, event)]
    return HistoryAhead(session, ids, {plan.scenario for plan in plans if plan.per == "lead"})


def _read_earlier(
    session: Session,
    publication: Publication,
    ids: Sequence[str],
    pending: Mapping[str, Sequence[Event]],
    found: Mapping[str, LeadRows],
    now: datetime,
) -> None:
    """Read the earlier events that are counted: by rules of scoring for the pending ones, by conditions."""
    scoring, asked = publication.scoring, asked_of_leads(publication)
    counting = {
        one: [(event, since) for event in pending[one] if (since := looks_back(scoring, event)) is not None]
        for one in ids
    }
    asking = [one for one in ids if asked or counting[one]]
    if not asking:
        return
    types = {event.type for one in asking for event, _ in counting[one]}.union(
        one.match.event for one in asked
    )
    spans = [since for one in asking for _, since in counting[one]]
    first = min([*spans, *(_from(one, publication.workspace, now) for one in asked)])
    rows = read_earlier(session, asking, sorted(types), first)
    known = {row.id for of_one in rows.values() for of_type in of_one.values() for row in of_type}
    last = {
        event_id
        for one in asking
        for event, _ in counting[one]
        for event_id in last_counted(scoring, found[one].ledger, event)
    }
    seqs = read_seqs(session, sorted(last - known)) if last - known else {}
    for one in asking:
        found[one].earlier = EarlierEvents(session, one, rows[one], first, seqs)


def _from(question: Did, workspace: Workspace, now: datetime) -> datetime:
    """Return from when on events may count for a question, whatever zone the lead is in."""
    if question.within is None:
        return EVER
    window = workspace.limits.send_window
    calendar = workspace.calendars.get(window.calendar) if window else None
    return begins(question.within, now, ZoneInfo(workspace.timezone), calendar) - _ZONES


def _all(session: Session, statement: Any, ids: Sequence[str]) -> list[Any]:
    return list(session.exec(statement, params={"ids": list(ids)}).all()) if ids else []


def _by(key: Callable[[_Row], str], rows: Iterable[_Row]) -> dict[str, list[_Row]]:
    found: dict[str, list[_Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found
