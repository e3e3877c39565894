"""Checks of the inbox: every applied event has its own number."""

from __future__ import annotations

from sqlalchemy import func
from sqlmodel import col, select

from leadloop.inbox.doctor.view import Found, View
from leadloop.storage.tables import Event, Lead


def events_in_order(view: View) -> Found:
    """The applied events of a lead are numbered, each number once, none beyond the lead's newest."""
    groups = view.session.exec(
        select(Event.lead_id, Event.lead_seq, func.count())
        .where(col(Event.lead_seq).is_not(None))
        .group_by(col(Event.lead_id), col(Event.lead_seq))
        .having(func.count() > 1)
    ).all()
    problems = [f"lead {lead}: {number} events have number {seq}" for lead, seq, number in groups]
    of_a_lead = select(Lead.id).where(col(Lead.id) == col(Event.subject_id)).exists()
    unnumbered = view.session.exec(
        select(Event.id).where(
            col(Event.applied_at).is_not(None),
            col(Event.parked).is_(None),
            col(Event.lead_seq).is_(None),
            of_a_lead,  # there is nothing to apply a visitor's to
        )
    ).all()
    problems += [f"event {event}: applied without a number" for event in unnumbered]
    newest = view.session.exec(
        select(Event.lead_id, func.max(Event.lead_seq), Lead.last_seq)
        .join(Lead, col(Lead.id) == col(Event.lead_id))
        .group_by(col(Event.lead_id), col(Lead.last_seq))
    ).all()
    problems += [
        f"lead {lead}: an event has number {seq}, the lead's newest is {last}"
        for lead, seq, last in newest
        if seq is not None and seq > last
    ]
    count = view.session.exec(select(func.count()).where(col(Event.lead_seq).is_not(None))).one()
    return count, problems


def events_applied(view: View) -> Found:
    """No accepted event was given up while it was applied."""
    rows = view.session.exec(select(Event.id, Event.parked).where(col(Event.parked).is_not(None))).all()
    count = view.session.exec(select(func.count()).where(col(Event.applied_at).is_not(None))).one()
    return count, [f"event {event}: could not be applied ({why})" for event, why in rows]


CHECKS = (events_in_order, events_applied)
