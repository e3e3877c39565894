"""Who is who: values that name a lead, compared by HMAC, so that the table tells nobody's address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from leadloop.leads.addresses import email_key, normalise_email
from leadloop.leads.names import clean_text
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Identity, Lead

EMAIL = "email"


def find_lead(session: Session, env: Environment, email: str) -> Lead | None:
    """Return the lead that a mail address names, following a merge. Raises `AddressError`."""
    row = session.get(Identity, (EMAIL, _hash(env, EMAIL, email)))
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
    source = identity.get("source")
    lead = Lead(
        email=normalise_email(email),
        stage=env.publications.current(session).publication.lifecycle.stages[0],
        source=clean_text(source)[:100] if isinstance(source, str) else None,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(lead)
            session.flush()
            session.add(_row(env, lead.id, EMAIL, email, now))
    except IntegrityError:  # another transaction created it between the two looks
        found = find_lead(session, env, email)
        if found is None:
            raise
        return found, False
    return lead, True


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
    session.add(_row(env, lead.id, kind, value, now))
    session.flush()
    return True


def _row(env: Environment, lead_id: str, kind: str, value: str, now: datetime) -> Identity:
    return Identity(kind=kind, value_hmac=_hash(env, kind, value), lead_id=lead_id, created_at=now)


def _hash(env: Environment, kind: str, value: str) -> str:
    return env.keys.hash("identity", email_key(value) if kind == EMAIL else value)


def _current(session: Session, lead_id: str) -> Lead | None:
    lead = session.get(Lead, lead_id)
    while lead is not None and lead.merged_into is not None:
        lead = session.get(Lead, lead.merged_into)
    return lead
