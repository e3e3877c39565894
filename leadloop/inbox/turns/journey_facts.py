"""The facts of one journey: its lead's, its own (`run.*`), its record's, its past.

Turns, armed conditions and exits read the same ones. What costs a query is read only by those who
need it: most conditions ask for the lead alone, whose facts the application keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from leadloop.conditions import Facts, FactValue
from leadloop.inbox.facts import run_facts
from leadloop.inbox.later import Later
from leadloop.inbox.past import EnteringPast, JourneyPast
from leadloop.inbox.reads import company_scores_read
from leadloop.inbox.records_of import RECORD_CHANGED, concerns, record_of, runs_for_record
from leadloop.journey.fact_values import (
    date_facts,
    put_fact,
    put_stored,
    result_dates,
    result_facts,
    wait_text,
)
from leadloop.journey.matching import EventLike
from leadloop.journey.state import JourneyFacts
from leadloop.language.plan import (
    Armed,
    ChangeMatch,
    EventMatch,
    Expression,
    Plan,
    Stream,
    WhenMatch,
    Workspace,
)
from leadloop.sales.deals import own_open_deals
from leadloop.storage.tables import (
    Enrolment,
    Event,
    ExperimentDraw,
    ExperimentWinner,
    Message,
    MessageStatus,
    Offer,
    Record,
    Task,
)

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

__all__ = [
    "RECORD_CHANGED",
    "JourneyReader",
    "concerns",
    "entering_values",
    "journey_facts",
    "journey_values",
    "record_of",
    "run_values",
    "runs_for_record",
]

_HAD = (
    MessageStatus.NEW,
    MessageStatus.HELD,
    MessageStatus.SENT,
    MessageStatus.SENDING,
    MessageStatus.UNCERTAIN,
)
"""Had or about to have: another journey's mail that waits for the send window counts too."""


@dataclass(frozen=True)
class _Read:
    values: dict[str, FactValue]
    dates: dict[str, str]


class JourneyReader:
    """Reads one journey's facts, once, and only when they are asked for."""

    def __init__(self, application: Application, enrolment: Enrolment, plan: Plan | None = None) -> None:
        self.application = application
        self.enrolment = enrolment
        self._plan = plan

    @cached_property
    def plan(self) -> Plan:
        application = self.application
        return self._plan or application.env.publications.plan(
            self.enrolment.plan_digest, application.session
        )

    @property
    def values(self) -> dict[str, FactValue]:
        """Every fact that a condition of the journey may read."""
        return self._read.values

    @property
    def dates(self) -> dict[str, str]:
        """The facts that are days or months, as text."""
        return self._read.dates

    def facts_for(self, match: Armed) -> Facts:
        """Return the facts that a matcher needs: the lead's alone where it asks for nothing else."""
        condition = _condition(match)
        return self.values if condition is not None and _asks(condition) else self.application.facts

    def concerns(self, event: EventLike) -> bool:
        """Return whether an event may count here: it names no other record."""
        workspace = self.application.publication.workspace
        return concerns(self.plan, self.enrolment.record_key, event, workspace)

    def has_changed(self, match: ChangeMatch) -> bool:
        """Return whether the date that a wait counts from is no longer what the wait saw."""
        read = self._read
        return wait_text(read.dates.get(match.fact) or read.values.get(match.fact)) != match.seen

    @cached_property
    def _read(self) -> _Read:
        return _read(self.application, self.enrolment, self.plan)


def journey_values(application: Application, enrolment: Enrolment, plan: Plan) -> dict[str, FactValue]:
    """Return every fact that a condition of the journey may read, with the journey's own past."""
    return _read(application, enrolment, plan).values


def entering_values(
    application: Application, plan: Plan, event: EventLike, record_key: str = ""
) -> dict[str, FactValue]:
    """Return the facts of a journey that is about to begin, for its audience, goal and exits.

    A journey that has not begun has no entry to look back to: nothing counts `since` then.
    """
    lead, workspace = application.lead, application.publication.workspace
    declared = workspace.events.get(event.type, {})
    values = dict(application.facts)
    values.update(run_facts(event.properties, declared, application.now, lead.cycle, application.zone))
    values.update(_record_facts(application.session, workspace, application.zone, plan, record_key)[0])
    earlier = application.rows.earlier
    past = EnteringPast(application.session, lead, workspace, application.zone, application.now, earlier)
    past.bind(values)
    return values


def run_values(
    session: Session, workspace: Workspace, zone: ZoneInfo, enrolment: Enrolment, plan: Plan
) -> dict[str, FactValue]:
    """Return the `run.*` facts alone, for the texts of mails and calls: when, why, and the record."""
    cause = session.get(Event, enrolment.cause_event_id) if enrolment.cause_event_id else None
    declared = workspace.events.get(cause.type, {}) if cause else {}
    properties = cause.properties if cause else {}
    values = run_facts(properties, declared, enrolment.entered_at, enrolment.cycle, zone)
    return values | _record_facts(session, workspace, zone, plan, enrolment.record_key)[0]


def journey_facts(application: Application, enrolment: Enrolment, plan: Plan) -> JourneyFacts:
    """Gather what `decide` may depend on, as it is now."""
    session, publication = application.session, application.publication
    workspace = publication.workspace
    window = workspace.limits.send_window
    reader = JourneyReader(application, enrolment, plan)
    kinds = {step.kind for step in plan.steps.values()}
    streams: dict[str, Stream] = {}
    had: frozenset[str] = frozenset()
    if _casts_streams(plan):
        streams = publication.streams
        had = frozenset(
            session.exec(
                select(Message.template).where(
                    Message.lead_id == application.lead.id,
                    Message.kind == "mail",
                    col(Message.status).in_(_HAD),
                )
            ).all()
        )
    return JourneyFacts(
        enrolment_id=enrolment.id,
        values=Later(lambda: reader.values),
        lead_seq=application.lead.last_seq,
        zone=application.zone,
        calendars=workspace.calendars,
        send_calendar=workspace.calendars.get(window.calendar) if window else None,
        queues=workspace.queues,
        streams=streams,
        had_templates=had,
        open_deals=own_open_deals(session, application.lead) if "hand_off" in kinds else 0,
        dates=Later(lambda: reader.dates),
        references=_references(application, enrolment) if kinds & {"hand_off", "task"} else {},
        subject_key=enrolment.subject_key,
        record_key=enrolment.record_key,
        winners=_winners(application, enrolment) if "experiment" in kinds else {},
    )


def _read(application: Application, enrolment: Enrolment, plan: Plan) -> _Read:
    session, workspace, zone = application.session, application.publication.workspace, application.zone
    cause = session.get(Event, enrolment.cause_event_id) if enrolment.cause_event_id else None
    properties = cause.properties if cause else {}
    declared = workspace.events.get(cause.type, {}) if cause else {}
    results: Mapping[str, Mapping[str, Any]] = enrolment.state.get("results") or {}
    record_values, record_dates = _record_facts(session, workspace, zone, plan, enrolment.record_key)
    values = dict(application.facts)
    values.update(run_facts(properties, declared, enrolment.entered_at, enrolment.cycle, zone))
    values.update(record_values)
    values.update(result_facts(results, zone))
    values.update(application.reader.company_scores(_missing_scores(plan, values)))
    past = JourneyPast(
        session,
        application.lead,
        workspace,
        zone,
        application.now,
        enrolment,
        plan,
        enrolment.state.get("arrivals") or {},
        application.rows.earlier,
    )
    past.bind(values)
    dates = {
        **date_facts("lead.", application.lead.fields, workspace.lead_fields),
        **date_facts("run.entry.", properties, declared),
        **record_dates,
        **result_dates(results),
    }
    return _Read(values, dates)


def _record_facts(
    session: Session, workspace: Workspace, zone: ZoneInfo, plan: Plan, record_key: str
) -> tuple[dict[str, FactValue], dict[str, str]]:
    """Return `run.<record>.*` of the journey's record as it is now, and its days as text."""
    values: dict[str, FactValue] = {}
    if not runs_for_record(plan) or not record_key:
        return values, {}
    prefix = f"run.{plan.per}."
    put_fact(values, f"{prefix}key", record_key, zone)
    kind = workspace.records.get(plan.per)
    record = session.get(Record, (plan.per, record_key))
    if kind is None or record is None:  # named by an event before it was reported: all unknown
        return values, {}
    for name, spec in kind.fields.items():
        put_stored(values, f"{prefix}{name}", record.fields.get(name), spec.type, zone)
    return values, date_facts(prefix, record.fields, kind.fields)


def _missing_scores(plan: Plan, values: Mapping[str, FactValue]) -> list[str]:
    """Return the company scores that this older plan reads and the current publication does not."""
    read = company_scores_read(plan)
    return [model for model in read if f"lead.company.score.{model}" not in values]


def _references(application: Application, enrolment: Enrolment) -> dict[str, str]:
    session = application.session
    offers = select(Offer.offer_key, Offer.id).where(Offer.enrolment_id == enrolment.id)
    tasks = select(Task.task_key, Task.id).where(Task.enrolment_id == enrolment.id)
    return {**dict(session.exec(offers).all()), **dict(session.exec(tasks).all())}


def _winners(application: Application, enrolment: Enrolment) -> dict[str, str]:
    """Return the arm that won, per experiment that this journey was drawn in."""
    rows = application.session.exec(
        select(ExperimentDraw.step_id, ExperimentWinner.variant)
        .join(
            ExperimentWinner,
            (col(ExperimentWinner.scenario) == col(ExperimentDraw.scenario))
            & (col(ExperimentWinner.step_id) == col(ExperimentDraw.step_id))
            & (col(ExperimentWinner.round) == col(ExperimentDraw.round)),
        )
        .where(ExperimentDraw.enrolment_id == enrolment.id)
    ).all()
    return dict(rows)


def _casts_streams(plan: Plan) -> bool:
    return any(
        step.kind == "stream" or (step.kind == "send" and step.stream is not None)
        for step in plan.steps.values()
    )


def _condition(match: Armed) -> Expression | None:
    if isinstance(match, WhenMatch):
        return match.when
    return match.where if isinstance(match, EventMatch) else None


def _asks(condition: Expression) -> bool:
    """Return whether a condition asks for more than the lead."""
    return bool(condition.did) or any(
        not name.startswith(("lead.", "event.")) for name in condition.variables
    )
