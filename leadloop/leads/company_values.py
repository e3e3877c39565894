"""Companies as the API and files write them: found by id, name or domain, checked, changed.

A change is told to the company's people by `company_changed` events in their inboxes, so that their
conditions, waits and scores see it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import insert
from sqlmodel import Session, col, select

from leadloop.inbox.ingestion.ingest import EVENTS, OWN
from leadloop.leads.addresses import FREE_MAIL_DOMAINS
from leadloop.leads.companies import find_company
from leadloop.leads.names import clean_text, company_key
from leadloop.leads.values import ValueProblemError, read_email, read_text, read_timezone
from leadloop.storage.columns import new_id
from leadloop.storage.database import announce
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Event, Lead

COMPANY_CHANGED = "company_changed"
"""`company_changed {field}`: one value of the lead's company is another."""
Status = Literal["created", "changed", "unchanged"]
_AT_ONCE = 500
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


@dataclass(frozen=True)
class CompanyProblem:
    """What is wrong with a company's value. The value itself is not repeated."""

    field: str
    problem: str


class CompanyError(Exception):
    """A company that cannot be stored as it came."""

    def __init__(self, *problems: CompanyProblem) -> None:
        super().__init__("; ".join(f"{one.field}: {one.problem}" for one in problems))
        self.problems = problems


class NoSuchCompanyError(CompanyError):
    """The key is an id, and no company has it."""


@dataclass(frozen=True)
class IncomingCompany:
    """A company as it arrives. Values that it does not name stay as they are; None clears one."""

    key: str
    """Id, name or domain."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Of `name domain owner stage timezone`."""


@dataclass(frozen=True)
class CompanyResult:
    """What became of a company."""

    status: Status
    company: Company
    changed: tuple[str, ...] = ()
    told: int = 0
    """Leads whose inbox has the change."""


def upsert_company(env: Environment, incoming: IncomingCompany) -> CompanyResult:
    """Check and write one company in one transaction. The same values again change nothing.

    Raises `NoSuchCompanyError`, and `CompanyError` with everything that is wrong.
    """
    with env.database.write() as session:
        return write_company(session, incoming, env.clock.now())


def company_by_key(session: Session, key: str) -> Company | None:
    """Return the company that an id, a name in any spelling, or a domain names."""
    name = clean_text(key)
    return session.get(Company, key) or find_company(session, company_key(name), name.lower())


def compare_company(session: Session, incoming: IncomingCompany) -> Status:
    """Return what `write_company` would do, without doing it. Raises as it does."""
    company = company_by_key(session, incoming.key)
    values = _checked(session, incoming, company)
    if company is None:
        return "created"
    same = all(getattr(company, name) == value for name, value in values.items())
    return "unchanged" if same else "changed"


def write_company(session: Session, incoming: IncomingCompany, now: datetime) -> CompanyResult:
    """Check and write a company in the caller's transaction and tell its people.

    Raises `NoSuchCompanyError`, and `CompanyError` with everything that is wrong.
    """
    company = company_by_key(session, incoming.key)
    values = _checked(session, incoming, company)
    if company is None:
        company = Company(**values, name_key=company_key(values["name"]), created_at=now)
        session.add(company)
        session.flush()
        return CompanyResult("created", company, tuple(name for name in values if values[name] is not None))
    company = session.get_one(Company, company.id, with_for_update=True, populate_existing=True)
    changed = tuple(name for name, value in values.items() if getattr(company, name) != value)
    if not changed:
        return CompanyResult("unchanged", company)
    for name in changed:
        setattr(company, name, values[name])
    company.name_key = company_key(company.name)
    session.add(company)
    session.flush()
    return CompanyResult("changed", company, changed, _tell(session, company, changed, now))


def read_domain(value: object) -> str:
    """Read the domain that the company's people have in their addresses. Raises `ValueProblemError`."""
    domain = read_text(value).lower()
    try:
        domain = domain.encode("idna").decode() if not domain.isascii() else domain
    except UnicodeError:
        raise ValueProblemError("not a domain; an example is example.co.jp") from None
    if not _DOMAIN.fullmatch(domain):
        raise ValueProblemError("not a domain; an example is example.co.jp")
    if domain in FREE_MAIL_DOMAINS:
        raise ValueProblemError("a domain of free mail or a carrier, which stands for no company")
    return domain


READERS = {
    "name": read_text,
    "domain": read_domain,
    "owner": read_email,
    "stage": read_text,
    "timezone": read_timezone,
}
"""What may be written of a company, and how each is read."""


def _checked(session: Session, incoming: IncomingCompany, company: Company | None) -> dict[str, Any]:
    """Return the values as they are stored; of a new company with its name."""
    given, problems = dict(incoming.values), []
    if company is None:
        if _is_id(incoming.key):
            raise NoSuchCompanyError(CompanyProblem("key", "there is no such company"))
        given.setdefault("domain" if _DOMAIN.fullmatch(incoming.key.lower()) else "name", incoming.key)
        given.setdefault("name", incoming.key)
    values: dict[str, Any] = {}
    for name, value in given.items():
        try:
            values[name] = None if value is None else READERS[name](value) or None
        except ValueProblemError as error:
            problems.append(CompanyProblem(name, str(error)))
    if "name" in values and not values["name"]:
        problems.append(CompanyProblem("name", "a company needs a name"))
        del values["name"]
    for name, other in _others(session, values):
        if company is None or other != company.id:
            problems.append(CompanyProblem(name, "another company has it"))
    if problems:
        raise CompanyError(*problems)
    return values


def _others(session: Session, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (field, company) of companies with the same name or domain: people are found by both."""
    found = []
    if values.get("name"):
        found.append(("name", find_company(session, company_key(values["name"]), None)))
    if values.get("domain"):
        found.append(("domain", find_company(session, "", values["domain"])))
    return [(name, one.id) for name, one in found if one is not None]


def _is_id(key: str) -> bool:
    try:
        UUID(key)
    except ValueError:
        return False
    return True


def _tell(session: Session, company: Company, changed: tuple[str, ...], now: datetime) -> int:
    """Put one event per value into the inbox of everybody of the company; no lead is locked."""
    leads = session.exec(
        select(Lead.id).where(
            Lead.company_id == company.id, col(Lead.merged_into).is_(None), col(Lead.erased_at).is_(None)
        )
    ).all()
    for start in range(0, len(leads), _AT_ONCE):
        some = leads[start : start + _AT_ONCE]
        session.execute(insert(Event), [_event(lead_id, name, now) for lead_id in some for name in changed])
    if leads:
        announce(session, EVENTS)
    return len(leads)


def _event(lead_id: str, name: str, now: datetime) -> dict[str, Any]:
    event = Event(
        id=new_id(),
        subject_id=lead_id,
        type=COMPANY_CHANGED,
        properties={"field": name},
        source=OWN,
        trust="verified",
        occurred_at=now,
        received_at=now,
    )
    return {column: getattr(event, column) for column in Event.model_fields}
