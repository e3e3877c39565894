"""Writing what came with an event onto the lead.

A value overwrites, an empty one never erases, and one that doesn't fit its type changes nothing.
Only fields that a form may fill are written: never stage, owner, tags or `in_sales`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session

from leadloop.language.plan import Workspace
from leadloop.leads.addresses import email_key
from leadloop.leads.companies import attach_company
from leadloop.leads.identity import EMAIL, link_identity
from leadloop.leads.values import (
    ValueProblemError,
    is_empty,
    read_country,
    read_declared,
    read_email,
    read_locale,
    read_phone,
    read_text,
    read_timezone,
)
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead

READERS: Mapping[str, Callable[[object], str]] = {
    **dict.fromkeys(
        (
            "family_name",
            "given_name",
            "family_kana",
            "given_kana",
            "honorific",
            "company",
            "department",
            "job_title",
            "prefecture",
            "source",
        ),
        read_text,
    ),
    "email": read_email,
    "phone": read_phone,
    "mobile": read_phone,
    "country": read_country,
    "timezone": read_timezone,
    "locale": read_locale,
}
"""Built-in fields that may come with an event, and how each is read."""

_COLUMNS = {"company": "company_name"}
_SYNONYMS = {"company_name": "company"}
_FIRST_STAYS = frozenset({"source"})


@dataclass
class ReadIdentity:
    """Values that fit their fields, and what was wrong with the others. Unknown names are in neither."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def read_identity(identity: Mapping[str, Any], workspace: Workspace) -> ReadIdentity:
    """Check and convert lead fields that came from outside. Empty ones are left out."""
    found = ReadIdentity()
    for given, value in identity.items():
        name = _SYNONYMS.get(given, given)
        if is_empty(value):
            continue
        try:
            if name in READERS:
                found.values[name] = READERS[name](value)
            elif name in workspace.lead_fields:
                found.values[name] = read_declared(value, workspace.lead_fields[name])
        except ValueProblemError as error:
            found.problems[name] = str(error)
    return found


def write_identity(
    session: Session, env: Environment, lead: Lead, identity: Mapping[str, Any], now: datetime
) -> list[str]:
    """Write lead fields onto a locked lead and return the names of those that changed.

    The first `source` stays. Another mail address is taken over only if it names no other lead. The
    company is attached by name or domain; `company` is in the result when that changed too.
    """
    workspace = env.publications.current(session).publication.workspace
    values = read_identity(identity, workspace).values
    changed: list[str] = []
    if "email" in values and _change_email(session, env, lead, values["email"], now):
        changed.append("email")
    for name, value in values.items():
        if name in READERS:
            if name != "email" and _change_column(lead, name, value):
                changed.append(name)
        elif lead.fields.get(name) != value:
            lead.fields = {**lead.fields, name: value}
            changed.append(name)
    if ("company" in values or "email" in values or lead.company_id is None) and (
        attach_company(session, lead, now) and "company" not in changed
    ):
        changed.append("company")
    session.add(lead)
    session.flush()
    return changed


def _change_column(lead: Lead, name: str, value: str) -> bool:
    column = _COLUMNS.get(name, name)
    present = getattr(lead, column)
    if present == value or (name in _FIRST_STAYS and present):
        return False
    setattr(lead, column, value)
    return True


def _change_email(session: Session, env: Environment, lead: Lead, email: str, now: datetime) -> bool:
    if lead.email is not None and email_key(lead.email) == email_key(email):
        return False
    if not link_identity(session, env, lead, EMAIL, email, now):
        return False
    lead.email = email
    return True
