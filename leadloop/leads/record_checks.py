"""Checking a record against its declaration, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from leadloop.language.plan import RecordKind
from leadloop.leads.addresses import AddressError
from leadloop.leads.identity import find_lead
from leadloop.leads.names import clean_text, company_key
from leadloop.leads.record_values import nearest_name, read_value
from leadloop.leads.values import ValueProblemError
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Lead, Record

KEY_LIMIT = 200
_NAME_LIMIT = 200


@dataclass(frozen=True)
class RecordProblem:
    """What is wrong with a record. `field` is empty where it is about the whole."""

    field: str
    problem: str


class RecordError(Exception):
    """A record that cannot be stored as it came."""

    def __init__(self, *problems: RecordProblem) -> None:
        super().__init__("; ".join(f"{one.field}: {one.problem}" for one in problems))
        self.problems = problems


class NoSuchKindError(RecordError):
    """The workspace declares no such kind of record."""


@dataclass(frozen=True)
class IncomingRecord:
    """A record as it arrives. Fields it does not name stay as they are; None clears one."""

    kind: str
    key: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    lead: str | None = None
    """Id or mail address: whose it is, or the contact of a company's record."""
    company: str | None = None
    """Id or name. Of a company's record; without it the contact's company is taken."""


@dataclass(frozen=True)
class CheckedRecord:
    """A record that fits its declaration. None stands for what the sender did not say."""

    kind: str
    key: str
    fields: dict[str, Any]
    lead_id: str | None
    company_id: str | None
    company_name: str | None
    """Of a company that nobody named before; it is made with the record."""


def record_kind(env: Environment, session: Session, kind: str) -> RecordKind:
    """Return a declared kind of record. Raises `NoSuchKindError`, with the nearest name."""
    declared = env.publications.current(session).publication.workspace.records
    if kind not in declared:
        hint = nearest_name(kind, declared)
        raise NoSuchKindError(RecordProblem("kind", f"no record `{kind[:60]}` is declared; {hint}"))
    return declared[kind]


def check_record(session: Session, env: Environment, incoming: IncomingRecord) -> CheckedRecord:
    """Compare a record with its declaration; writes nothing. Raises as `upsert_record` does."""
    kind = record_kind(env, session, incoming.kind)
    problems: list[RecordProblem] = []
    key = _checked_key(incoming.key, problems)
    fields = _checked_fields(kind, incoming.fields, problems)
    known = session.get(Record, (incoming.kind, key)) if key else None
    lead = _checked_lead(session, env, kind, incoming, known, problems)
    company_id, company_name = _checked_company(session, kind, incoming, lead, known, problems)
    if problems:
        raise RecordError(*problems)
    return CheckedRecord(incoming.kind, key, fields, lead.id if lead else None, company_id, company_name)


def _checked_key(key: str, problems: list[RecordProblem]) -> str:
    if not 0 < len(key) <= KEY_LIMIT or clean_text(key) != key:
        text = f"a key has 1 to {KEY_LIMIT} characters, without control characters or outer spaces"
        problems.append(RecordProblem("key", text))
        return ""
    return key


def _checked_fields(
    kind: RecordKind, fields: Mapping[str, Any], problems: list[RecordProblem]
) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for name, value in fields.items():
        spec = kind.fields.get(name)
        if spec is None:
            hint = nearest_name(name, kind.fields)
            problems.append(RecordProblem(f"fields.{name[:60]}", f"no such field is declared; {hint}"))
            continue
        try:
            checked[name] = None if value is None else read_value(value, spec)
        except ValueProblemError as error:
            problems.append(RecordProblem(f"fields.{name}", str(error)))
    return checked


def _checked_lead(
    session: Session,
    env: Environment,
    kind: RecordKind,
    incoming: IncomingRecord,
    known: Record | None,
    problems: list[RecordProblem],
) -> Lead | None:
    if incoming.lead is None:
        if kind.of == "lead" and known is None:
            problems.append(RecordProblem("lead", f"`{incoming.kind}` belongs to a lead: name it"))
        return None
    if kind.of != "lead" and kind.contact != "lead":
        problems.append(RecordProblem("lead", f"`{incoming.kind}` belongs to no lead and has no contact"))
        return None
    try:
        lead = find_lead(session, env, incoming.lead) if "@" in incoming.lead else None
    except AddressError as error:
        problems.append(RecordProblem("lead", str(error)))
        return None
    lead = lead or session.get(Lead, incoming.lead)
    while lead is not None and lead.merged_into is not None:
        lead = session.get(Lead, lead.merged_into)
    if lead is None or lead.erased_at is not None:
        problems.append(RecordProblem("lead", "there is no such lead; name it by its id or mail address"))
        return None
    return lead


def _checked_company(
    session: Session,
    kind: RecordKind,
    incoming: IncomingRecord,
    contact: Lead | None,
    known: Record | None,
    problems: list[RecordProblem],
) -> tuple[str | None, str | None]:
    """Return the id of the company, or the name of one that is to be made."""
    name = clean_text(incoming.company) if incoming.company else ""
    if kind.of != "company":
        if name:
            problems.append(RecordProblem("company", f"`{incoming.kind}` belongs to no company"))
        return None, None
    if len(name) > _NAME_LIMIT:
        problems.append(RecordProblem("company", f"longer than {_NAME_LIMIT} characters"))
        return None, None
    if name:
        found = (
            session.get(Company, name)
            or session.exec(
                select(Company)
                .where(Company.name_key == company_key(name))
                .order_by(col(Company.created_at), col(Company.id))
            ).first()
        )
        return (found.id, None) if found is not None else (None, name)
    if known is not None and known.company_id is not None:
        return None, None
    if contact is None and incoming.lead is not None:
        return None, None  # the contact is a problem already
    if contact is None or contact.company_id is None:
        problems.append(RecordProblem("company", f"`{incoming.kind}` belongs to a company: name it"))
        return None, None
    return contact.company_id, None
