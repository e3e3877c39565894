"""Many leads enter one scenario in one transaction, by the rules by which one lead enters.

What the rules ask is read for all of them at once, and what follows is written at once, without an
object per row. Asking is no change of a lead: where nothing else is to be done, nothing else of it is
looked at. A lead with whom more would have to happen stays `apart`, for a transaction of its own:
it has events that nobody has applied, something is due for it, a journey would end first, or a turn is
to be waited for. So does one that somebody else has locked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from leadloop.inbox.apply import Application
from leadloop.inbox.entries.entry import REPEATED, journey_of, repeated
from leadloop.inbox.entries.events import ENROL_REQUESTED, ENTRY_DUE, Asked, asked
from leadloop.inbox.entries.history import KnownHistory
from leadloop.inbox.entries.rules import Refusal, asks_for_facts, has_turn_to_take, refused
from leadloop.inbox.lead_rows import LeadRows, read_facts_ahead
from leadloop.inbox.newly_published import read_notes
from leadloop.inbox.operations.scenario_pauses import scenario_pause
from leadloop.inbox.records_of import record_of, runs_for_record
from leadloop.inbox.relaying.wakes import ask_first_wakes
from leadloop.language.plan import Entry, Plan
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.finding import rows_of_each, update_each
from leadloop.storage.inserting import insert_rows
from leadloop.storage.publications import StoredPublication
from leadloop.storage.tables import Due, Enrolment, EnrolmentStatus, Event, Lead

AT_ONCE = 500
"""Leads in one transaction. More would not be quicker, and others wait for these leads meanwhile."""

TOLD = ("open", "group")
"""Refusals that are written into the story of the journey that stands in the way."""


_LEAD_ID = col(Lead.id)
_SUBJECT_ID = col(Event.subject_id)
_WAITING = select(Event.subject_id).where(col(Event.applied_at).is_(None))
_DUE_LEAD_ID = col(Due.lead_id)
_DUE = select(Due.lead_id).where(col(Due.due_at) <= bindparam("now"))
_MOVE_ON = update(Lead).values(last_seq=col(Lead.last_seq) + bindparam("step"))


@dataclass(frozen=True)
class Outcome:
    """What became of one lead."""

    status: Literal["entered", "refused", "apart"]
    event_id: str | None = None
    """The request, where it was written down."""
    refusal: Refusal | None = None


class EnteringTogether:
    """One transaction's leads, and the scenario that they are to enter. The caller has locked the leads.

    Ask `may_enter` first: some scenarios take one lead after the other.
    """

    def __init__(
        self,
        session: Session,
        env: Environment,
        stored: StoredPublication,
        plan: Plan,
        leads: Collection[Lead],
        request: Event,
        *,
        visiting: bool = False,
    ) -> None:
        """`visiting`: this is the backfill's visit, and the request is written down whoever is refused."""
        self._session = session
        self._env = env
        self._stored = stored
        self._plan = plan
        self._now: datetime = request.received_at
        # One object stands for the request of every lead: only its id differs, and rules look at no more.
        self._request = request
        ids = [lead.id for lead in leads]
        record_key = record_of(plan, request, stored.publication.workspace) or ""
        self._history = KnownHistory(session, plan.scenario, ids, record_key)
        self._open = _open_journeys(session, ids) if plan.group is not None else {}
        self._rows = read_facts_ahead(session, list(leads)) if asks_for_facts(plan) else {}
        self._visiting = visiting
        self._apart = _busy(session, ids, self._now)
        if not visiting:
            self._apart |= _to_be_visited(session, leads)
        self._events: list[dict[str, Any]] = []
        self._journeys: list[dict[str, Any]] = []
        self._steps: dict[int, list[str]] = defaultdict(list)
        """By how many numbers the leads' sequences move on."""
        self._template: dict[str, Any] = {}
        self._event_template = request.model_dump() | {"applied_at": self._now}

    def ask(self, lead: Lead) -> Outcome:
        """Judge one lead, and remember what is to be written."""
        if lead.id in self._apart:
            return Outcome("apart")
        self._request.id = new_id()
        rows = self._rows.get(lead.id) or LeadRows(self._session, lead)
        rows.history = self._history
        if self._plan.group is not None:
            rows.journeys = self._open.get(lead.id, [])
        application = Application(self._session, self._env, lead, self._now, stored=self._stored, rows=rows)
        wish = asked(application, self._plan, self._request)
        if wish is None:
            return Outcome("refused", refusal=Refusal("no_entry"))
        refusal = refused(application, wish)
        if refusal is not None:
            return self._refused(application, wish, refusal)
        newest = self._history.newest(wish)
        if newest is not None and newest.status != EnrolmentStatus.ENDED:  # it would end first
            return Outcome("apart")
        self._write_request(lead, 1)
        self._journeys.append(self._journey(application, wish))
        return Outcome("entered", self._request.id)

    def write(self) -> None:
        """Write what was remembered."""
        session = self._session
        insert_rows(session, Event, self._events)
        insert_rows(session, Enrolment, self._journeys)
        ask_first_wakes(session, [row["id"] for row in self._journeys], self._now)
        for step, ids in self._steps.items():
            update_each(session, _MOVE_ON, _LEAD_ID, ids, step=step)

    def _refused(self, application: Application, wish: Asked, refusal: Refusal) -> Outcome:
        other = refusal.other
        if refusal.code not in TOLD or other is None:
            if self._visiting:
                self._write_request(application.lead, 1)
            return Outcome("refused", refusal=refusal)
        lead = application.lead
        if other.lead_id != lead.id or has_turn_to_take(self._session, other, self._now):
            return Outcome("apart")
        self._write_request(lead, 2)
        told = {
            "id": new_id(),
            "lead_seq": lead.last_seq + 2,
            "type": REPEATED,
            "properties": repeated(wish, other),
            "source": "engine",
            "causation_id": self._request.id,
            "depth": 1,
        }
        self._events.append(self._events[-1] | told)
        return Outcome("refused", self._request.id, refusal)

    def _write_request(self, lead: Lead, step: int) -> None:
        self._steps[step].append(lead.id)
        own = {
            "id": self._request.id,
            "subject_id": lead.id,
            "lead_id": lead.id,
            "lead_seq": lead.last_seq + 1,
        }
        self._events.append(self._event_template | own)

    def _journey(self, application: Application, wish: Asked) -> dict[str, Any]:
        """Return the row that `journey_of` returns; what is the same for all leads is worked out once."""
        if not self._template:
            self._template = journey_of(application, wish).model_dump()
        lead = application.lead
        return self._template | {
            "id": new_id(),
            "lead_id": lead.id,
            "company_id": lead.company_id,
            "subject_key": wish.subject_key,
            "cause_event_id": self._request.id,
            "entered_seq": lead.last_seq + 1,
            "cycle": lead.cycle,
        }


def may_enter_together(session: Session, stored: StoredPublication, plan: Plan, entry: Entry) -> bool:
    """Return whether an entry of a scenario can be decided for many leads at once.

    Not where leads are decided in turn: places under a limit, companies, whose people share a journey,
    and a scenario that stands still, whose journeys begin paused.
    """
    if entry.limit is not None or entry.people is not None or plan.per == "company":
        return False
    if runs_for_record(plan):
        kind = stored.publication.workspace.records.get(plan.per)
        if kind is None or kind.of == "company":
            return False
    return scenario_pause(session, plan.scenario) is None


def request_of(plan: Plan, record: str | None, source: str, now: datetime) -> Event:
    """Return the event that asks for a lead to enter. Its lead is not named yet, and it is not written."""
    properties = {"scenario": plan.scenario} | ({"record": record} if record is not None else {})
    return Event(
        id=new_id(),
        subject_id="",
        type=ENROL_REQUESTED,
        properties=properties,
        source=source,
        trust="verified",
        occurred_at=now,
        received_at=now,
    )


def due_of(plan: Plan, index: int, now: datetime) -> Event:
    """Return the event that lets leads in who match an entry already. Its lead is not named yet."""
    return Event(
        id=new_id(),
        subject_id="",
        type=ENTRY_DUE,
        properties={"scenario": plan.scenario, "entry": index},
        source="engine",
        trust="verified",
        occurred_at=now,
        received_at=now,
    )


def _open_journeys(session: Session, ids: list[str]) -> dict[str, list[Enrolment]]:
    rows = session.exec(
        select(Enrolment)
        .where(col(Enrolment.lead_id).in_(ids), Enrolment.status != EnrolmentStatus.ENDED)
        .order_by(col(Enrolment.id))
    ).all()
    found: dict[str, list[Enrolment]] = defaultdict(list)
    for row in rows:
        found[row.lead_id].append(row)
    return found


def _busy(session: Session, ids: list[str], now: datetime) -> set[str]:
    """Return the leads that something is to happen to first: their events, what time causes."""
    waiting = rows_of_each(session, _WAITING, _SUBJECT_ID, ids)
    due = rows_of_each(session, _DUE, _DUE_LEAD_ID, ids, now=now)
    return {row[0] for row in (*waiting, *due)}


def _to_be_visited(session: Session, leads: Iterable[Lead]) -> set[str]:
    """Return the leads that the backfill has not come to yet."""
    notes = read_notes(session)
    return {lead.id for lead in leads if notes is not None and notes.awaits(lead.id, lead.created_at)}
