"""Records: things that are not people, upserted by API, CRM or file.

A record is checked against its declaration before anything is written. Writing it tells the leads
concerned by `record_changed` events in their inboxes, so that journeys follow it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from leadloop.inbox.ingestion.ingest import EVENTS, OWN
from leadloop.inbox.records_of import RECORD_CHANGED
from leadloop.leads.companies import foremost
from leadloop.leads.names import company_key
from leadloop.leads.record_checks import (
    CheckedRecord,
    IncomingRecord,
    NoSuchKindError,
    RecordError,
    RecordProblem,
    check_record,
    record_kind,
)
from leadloop.storage.columns import new_id
from leadloop.storage.database import announce
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Company,
    Enrolment,
    EnrolmentStatus,
    Event,
    Record,
)

__all__ = [
    "CheckedRecord",
    "IncomingRecord",
    "NoSuchKindError",
    "RecordError",
    "RecordProblem",
    "RecordResult",
    "check_record",
    "compare_record",
    "record_kind",
    "upsert_record",
    "write_record",
]


@dataclass(frozen=True)
class RecordResult:
    """What became of a record."""

    status: Literal["created", "changed", "unchanged"]
    record: Record
    changed: tuple[str, ...] = ()
    """Names of the fields that have another value, and `lead`, `company`."""
    told: int = 0
    """Leads whose inbox has the change."""


def upsert_record(env: Environment, incoming: IncomingRecord) -> RecordResult:
    """Check and write one record in one transaction. The same values again change nothing.

    Raises `NoSuchKindError`, and `RecordError` with everything that is wrong.
    """
    with env.database.write() as session:
        return write_record(session, env, check_record(session, env, incoming))


def compare_record(session: Session, env: Environment, checked: CheckedRecord) -> RecordResult:
    """Return what `write_record` would do, without doing it."""
    record = session.get(Record, (checked.kind, checked.key))
    if record is None:
        now = env.clock.now()
        empty = Record(kind=checked.kind, key=checked.key, created_at=now, updated_at=now)
        return RecordResult("created", empty, _changes(empty, checked))
    changed = _changes(record, checked)
    return RecordResult("changed" if changed else "unchanged", record, changed)


def write_record(session: Session, env: Environment, checked: CheckedRecord) -> RecordResult:
    """Write a checked record in the caller's transaction and tell the leads concerned."""
    now = env.clock.now()
    record, created = _find_or_create(session, checked, now)
    changed = _changes(record, checked)
    if not created and not changed:
        return RecordResult("unchanged", record)
    before = record.lead_id
    fields = {**record.fields, **checked.fields}
    record.fields = {name: value for name, value in fields.items() if value is not None}
    record.lead_id = checked.lead_id or record.lead_id
    record.company_id = _company_id(session, checked, now) or record.company_id
    record.updated_at = now
    session.add(record)
    session.flush()
    told = _concerned(session, env, record) | ({before} if before else set())
    for lead_id in sorted(told):
        for name in changed or ("",):
            _tell(session, record, lead_id, name, now)
    if told:
        announce(session, EVENTS)
    return RecordResult("created" if created else "changed", record, changed, len(told))


def _changes(record: Record, checked: CheckedRecord) -> tuple[str, ...]:
    changed = [name for name, value in checked.fields.items() if record.fields.get(name) != value]
    if checked.lead_id is not None and checked.lead_id != record.lead_id:
        changed.append("lead")
    if checked.company_name is not None or checked.company_id not in (None, record.company_id):
        changed.append("company")
    return tuple(changed)


def _find_or_create(session: Session, checked: CheckedRecord, now: datetime) -> tuple[Record, bool]:
    identity = (checked.kind, checked.key)
    # Checking has read it already, without a lock.
    record = session.get(Record, identity, with_for_update=True, populate_existing=True)
    if record is not None:
        return record, False
    record = Record(kind=checked.kind, key=checked.key, created_at=now, updated_at=now)
    try:
        with session.begin_nested():
            session.add(record)
            session.flush()
    except IntegrityError:  # another transaction wrote it between the two looks
        return session.get_one(Record, identity, with_for_update=True), False
    return record, True


def _company_id(session: Session, checked: CheckedRecord, now: datetime) -> str | None:
    if checked.company_name is None:
        return checked.company_id
    company = Company(name=checked.company_name, name_key=company_key(checked.company_name), created_at=now)
    session.add(company)
    session.flush()
    return company.id


def _concerned(session: Session, env: Environment, record: Record) -> set[str]:
    """Return the leads who hear of a change: its lead or contact, and those in a journey for it.

    A company's record without a contact is told to the person who would enter for the company.
    """
    told = {record.lead_id} if record.lead_id else set()
    rows = session.exec(
        select(Enrolment.lead_id, Enrolment.plan_digest)
        .where(
            Enrolment.record_key == record.key,
            col(Enrolment.record_key) != "",
            Enrolment.status != EnrolmentStatus.ENDED,
        )
        .distinct()
    ).all()
    told |= {lead_id for lead_id, digest in rows if env.publications.plan(digest, session).per == record.kind}
    if record.company_id and record.lead_id is None:
        told |= {lead_id for lead_id in (foremost(session, record.company_id),) if lead_id}
    return told


def _tell(session: Session, record: Record, lead_id: str, name: str, now: datetime) -> None:
    properties = {"record": record.kind, "key": record.key} | ({"field": name} if name else {})
    session.add(
        Event(
            id=new_id(),
            subject_id=lead_id,
            type=RECORD_CHANGED,
            properties=properties,
            source=OWN,
            trust="verified",
            occurred_at=now,
            received_at=now,
        )
    )
