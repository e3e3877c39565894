"""Events that a journey records about its lead, and entries into other scenarios."""

from __future__ import annotations

from datetime import timedelta

from leadloop.inbox.apply import Application
from leadloop.journey import effects
from leadloop.storage.tables import Enrolment, Event

ENROL_REQUESTED = "enrol_requested"
_CHAIN = timedelta(days=1)
"""A journey that waited so long begins a new chain: only loops that never rest are cut off."""


def record_fact(application: Application, enrolment: Enrolment, effect: effects.RecordFact) -> None:
    """Record an event; journeys that record for each other without a rest end at the depth bound."""
    application.emit(effect.event, _cause(application, enrolment), **effect.properties)
    application.settle()


def enrol_in(application: Application, enrolment: Enrolment, effect: effects.EnrolIn) -> None:
    """Ask for an entry; the scenario's own entry, audience and re-entry rules decide."""
    record = enrolment.record_key or None
    application.emit(ENROL_REQUESTED, _cause(application, enrolment), scenario=effect.scenario, record=record)
    application.settle()


def _cause(application: Application, enrolment: Enrolment) -> Event | None:
    """Return the event that began this journey, so that depth counts through journeys."""
    if not enrolment.cause_event_id or application.now - enrolment.entered_at >= _CHAIN:
        return None
    return application.session.get(Event, enrolment.cause_event_id)
