"""Visitors of web pages: browsers without a name, until somebody says in one who they are.

Their page views are kept as events of the visitor, not of a lead. When a form tells who it is, what
the browser did before is put into that lead's inbox as events of its own, with the instants at which
things happened: they give points and count in questions about the past. They start, satisfy and end
nothing: whoever looked at prices in March does not ask for a call in May.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Lead, Visitor

EARLIER = "visitor"
"""Source of the events that a lead gets from the time before it was known."""
KEPT = timedelta(days=90)
"""How far back a person's earlier visits go."""
_MOST_EARLIER = 500
"""So many of the newest ones: a browser in a shop window has no history worth more."""
VISITOR_ID = "the id that the script keeps: 32 hexadecimal digits"
_VISITOR_ID = re.compile(r"[0-9a-f]{32}")


def is_visitor_id(value: object) -> bool:
    """Return whether a value has the form of the id that the script makes: 32 hexadecimal digits."""
    return isinstance(value, str) and _VISITOR_ID.fullmatch(value) is not None


def is_of_nobody() -> ColumnElement[bool]:
    """Whether an event is a visitor's (or parked without a lead), as `ix_event_nobody` has it."""
    return and_(col(Event.lead_id).is_(None), col(Event.applied_at).is_not(None))


def lock_visitor(session: Session, env: Environment, value: str, now: datetime) -> Visitor:
    """Return the visitor of an id, made where it is new, and locked: its events are told from a lead's."""
    hashed = env.keys.hash("identity", f"visitor:{value}")
    found = _locked(session, hashed)
    if found is None:
        found = Visitor(visitor_hmac=hashed, created_at=now, seen_at=now)
        try:
            with session.begin_nested():
                session.add(found)
                session.flush()
        except IntegrityError:  # another transaction made it between the two looks
            found = _locked(session, hashed)
            if found is None:
                raise
    found.seen_at = max(found.seen_at, now)
    session.add(found)
    return found


def identify_visitor(session: Session, env: Environment, value: str, lead: Lead, now: datetime) -> int:
    """Say who a visitor is; return how many earlier events the lead gets.

    In a browser that several people use, each gets what happened since the one before.
    """
    visitor = lock_visitor(session, env, value, now)
    if visitor.lead_id == lead.id:
        return 0
    anonymous = visitor.lead_id is None
    visitor.lead_id = lead.id
    session.add(visitor)
    if not anonymous:
        return 0  # the earlier events went to the person before, at once
    rows = session.exec(
        select(Event)
        .where(Event.subject_id == visitor.id, is_of_nobody(), col(Event.occurred_at) > now - KEPT)
        .order_by(col(Event.occurred_at).desc(), col(Event.id).desc())
        .limit(_MOST_EARLIER)
    ).all()
    for row in reversed(rows):
        session.add(
            Event(
                id=new_id(),
                subject_id=lead.id,
                type=row.type,
                properties=dict(row.properties),
                source=EARLIER,
                trust=row.trust,
                occurred_at=row.occurred_at,
                received_at=now,
                causation_id=row.id,
            )
        )
    session.flush()
    return len(rows)


def _locked(session: Session, hashed: str) -> Visitor | None:
    return session.exec(
        select(Visitor)
        .where(Visitor.visitor_hmac == hashed)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
