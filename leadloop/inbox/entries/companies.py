"""Entries of companies: how many people did it, and whose journey it is.

A transaction holds one lead's lock, never two. What a colleague is to do is put into the inbox for
that colleague. The company's row is locked behind the lead's, so that of several people who act at
once the last one sees the others.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from leadloop.inbox.entries.events import ENTRY_DUE, Asked
from leadloop.inbox.facts import lead_facts
from leadloop.inbox.ingestion.ingest import EVENTS
from leadloop.journey.calendar import add_span
from leadloop.language.plan import Span
from leadloop.leads.companies import foremost
from leadloop.scoring.matching import matches
from leadloop.storage.columns import new_id
from leadloop.storage.database import announce
from leadloop.storage.tables import Company, Event, Lead

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application


def enough_people(application: Application, wish: Asked) -> bool:
    """Return whether so many different people of the company did it in this time, this one included."""
    entry, company_id = wish.entry, application.lead.company_id
    if entry.people is None or wish.chosen:
        return True
    if company_id is None:
        return False
    _lock_company(application.session, company_id)
    people = {application.lead.id}
    for event in _colleagues_events(application, wish, company_id):
        if len(people) >= entry.people:
            break
        if event.lead_id not in people and _fits(application, wish, event):
            people.add(str(event.lead_id))
    return len(people) >= entry.people


def person_of(application: Application, wish: Asked) -> str:
    """Return the lead whose journey it is: of a company the person with the highest score."""
    if wish.plan.per != "company" or wish.chosen:
        return application.lead.id
    return first_person(application)


def first_person(application: Application) -> str:
    """Return the person of the lead's company with the highest score; the lead itself without a company."""
    lead = application.lead
    return (foremost(application.session, lead.company_id) if lead.company_id else None) or lead.id


def enter_colleague(application: Application, wish: Asked, lead_id: str) -> None:
    """Ask, by the inbox, that a colleague enters for what this lead did; once while one waits there."""
    waiting = application.session.exec(
        select(Event.properties).where(
            Event.subject_id == lead_id, Event.type == ENTRY_DUE, col(Event.applied_at).is_(None)
        )
    ).all()
    if any(item.get("scenario") == wish.plan.scenario for item in waiting):
        return
    tell(
        application,
        lead_id,
        ENTRY_DUE,
        scenario=wish.plan.scenario,
        entry=wish.index,
        event=wish.cause.id,
        record=wish.record_key or None,
    )


def tell(application: Application, lead_id: str, event_type: str, **properties: Any) -> None:
    """Put an event of the engine's own into the inbox of another lead."""
    announce(application.session, EVENTS)
    application.session.add(
        Event(
            id=new_id(),
            subject_id=lead_id,
            type=event_type,
            properties={name: value for name, value in properties.items() if value is not None},
            source="engine",
            trust="verified",
            occurred_at=application.now,
            received_at=application.now,
        )
    )


def _lock_company(session: Session, company_id: str) -> None:
    # Without `KEY`, so that new people of the company need not wait.
    session.exec(select(Company.id).where(Company.id == company_id).with_for_update(key_share=True)).first()


def _colleagues_events(application: Application, wish: Asked, company_id: str) -> list[Event]:
    statement = (
        select(Event)
        .join(Lead, col(Lead.id) == col(Event.lead_id))
        .where(
            Lead.company_id == company_id,
            Lead.id != application.lead.id,
            col(Lead.erased_at).is_(None),
            Event.type == wish.event.type,
        )
        .order_by(col(Event.occurred_at).desc())
    )
    if wish.entry.within is not None:
        statement = statement.where(Event.occurred_at >= _begins(application, wish.entry.within))
    return list(application.session.exec(statement).all())


def _begins(application: Application, within: Span) -> datetime:
    back = Span(amount=-within.amount, unit=within.unit)
    return add_span(application.now, back, application.zone, None)


def _fits(application: Application, wish: Asked, event: Event) -> bool:
    match = wish.entry.match
    if match.kind not in ("event", "stage"):
        return True
    facts = application.facts
    if match.kind == "event" and match.where is not None:  # it may ask for the colleague's own fields
        colleague = application.session.get_one(Lead, event.lead_id)
        facts = lead_facts(application.session, application.publication, colleague, application.now)
    return matches(match, event, facts)
