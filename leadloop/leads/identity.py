"""Who is who: values that name a lead, compared by HMAC, so that the table tells nobody's address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from leadloop.leads.addresses import email_key, normalise_email
from leadloop.leads.names import clean_text
from leadloop.storage.environment import Environment
from leadloop.storage.finding import rows_of_each
from leadloop.storage.inserting import insert_new, insert_rows, new_row
from leadloop.storage.tables import Identity, Lead

EMAIL = "email"
_BY_EMAIL: Any = (
    select(
        Identity.value_hmac,
        col(Lead.id).label("lead_id"),
        col(Lead.merged_into),
        col(Lead.erased_at),
    )
    .join(Lead, col(Lead.id) == col(Identity.lead_id))
    .where(Identity.kind == EMAIL)
)
_VALUE: Any = col(Identity.value_hmac)
_LEAD_ID: Any = col(Lead.id)
_BY_ID: Any = select(
    col(Lead.id).label("name"), col(Lead.id).label("lead_id"), col(Lead.merged_into), col(Lead.erased_at)
)


@dataclass(frozen=True)
class Named:
    """A lead that something names: the one it is now, after merges."""

    lead_id: str
    erased: bool


@dataclass(frozen=True)
class NewLead:
    """A lead to be made: its address as it is stored, the address's hash, where it came from."""

    email: str
    email_hmac: str
    source: str | None


def find_lead(session: Session, env: Environment, email: str) -> Lead | None:
    """Return the lead that a mail address names, following a merge. Raises `AddressError`."""
    row = session.get(Identity, (EMAIL, email_hash(env, email)))
    return None if row is None else _current(session, row.lead_id)


def find_or_create_lead(
    session: Session, env: Environment, email: str, identity: Mapping[str, Any], now: datetime
) -> tuple[Lead, bool]:
    """Return the lead of a mail address and whether it is new. Raises `AddressError`.

    A new lead gets its address, the first lifecycle stage and where it came from
    (`identity["source"]`). The other fields come with the event that is applied next, so that
    whatever depends on them sees the change.
    """
    found = find_lead(session, env, email)
    if found is not None:
        return found, False
    new = NewLead(normalise_email(email), email_hash(env, email), source_of(identity))
    made = create_leads(session, env, [new], now)
    lead_id = made.get(new.email_hmac)
    if lead_id is not None:
        return session.get_one(Lead, lead_id), True
    found = find_lead(session, env, email)  # another transaction created it between the two looks
    if found is None:
        raise LookupError("the lead of an address came and went")
    return found, False


def leads_named(session: Session, hashes: Iterable[str]) -> dict[str, Named]:
    """Return the leads that mail addresses name, by the hash of the address."""
    return _followed(session, rows_of_each(session, _BY_EMAIL, _VALUE, hashes))


def leads_by_id(session: Session, ids: Iterable[str]) -> dict[str, Named]:
    """Return the leads that ids name, by id."""
    return _followed(session, rows_of_each(session, _BY_ID, _LEAD_ID, ids))


def create_leads(
    session: Session, env: Environment, wanted: Sequence[NewLead], now: datetime
) -> dict[str, str]:
    """Make leads, each with the identity of its address; return their ids by the address's hash.

    An address that another transaction took in between is left out.
    """
    stage = env.publications.current(session).publication.lifecycle.stages[0]
    rows = [new_row(Lead, email=one.email, stage=stage, source=one.source, created_at=now) for one in wanted]
    insert_rows(session, Lead, rows)
    identities = [
        {"kind": EMAIL, "value_hmac": one.email_hmac, "lead_id": row["id"], "created_at": now}
        for one, row in zip(wanted, rows, strict=True)
    ]
    taken = {value for _kind, value in insert_new(session, Identity, identities, ("kind", "value_hmac"))}
    made = {one["value_hmac"]: one["lead_id"] for one in identities if one["value_hmac"] in taken}
    lost = [one["lead_id"] for one in identities if one["value_hmac"] not in taken]
    if lost:
        session.connection().execute(delete(Lead).where(col(Lead.id).in_(lost)))
    return made


def link_identity(
    session: Session, env: Environment, lead: Lead, kind: str, value: str, now: datetime
) -> bool:
    """Let a value (`email`, `visitor`) name the lead. False where it already names another one.

    Raises `AddressError` for an `email` that is none.
    """
    known = session.get(Identity, (kind, _hash(env, kind, value)))
    if known is not None:
        owner = _current(session, known.lead_id)
        return owner is not None and owner.id == lead.id
    session.add(Identity(kind=kind, value_hmac=_hash(env, kind, value), lead_id=lead.id, created_at=now))
    session.flush()
    return True


def email_hash(env: Environment, email: str) -> str:
    """Return the HMAC under which a mail address names a lead. Raises `AddressError`."""
    return _hash(env, EMAIL, email)


def source_of(identity: Mapping[str, Any]) -> str | None:
    """Return where a new lead came from, as its first event says."""
    source = identity.get("source")
    return clean_text(source)[:100] if isinstance(source, str) else None


def _hash(env: Environment, kind: str, value: str) -> str:
    return env.keys.hash("identity", email_key(value) if kind == EMAIL else value)


def _current(session: Session, lead_id: str) -> Lead | None:
    lead = session.get(Lead, lead_id)
    while lead is not None and lead.merged_into is not None:
        lead = session.get(Lead, lead.merged_into)
    return lead


def _followed(session: Session, rows: Iterable[Any]) -> dict[str, Named]:
    """Turn rows of (name, lead, merged into, erased at) into leads, following merges."""
    found = {}
    for name, lead_id, merged_into, erased_at in rows:
        if merged_into is not None:
            lead = _current(session, merged_into)
            if lead is not None:
                found[name] = Named(lead.id, lead.erased_at is not None)
        else:
            found[name] = Named(lead_id, erased_at is not None)
    return found
