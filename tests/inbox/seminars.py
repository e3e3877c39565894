"""A workspace with records, and journeys that run per seminar, contract or estimate, as plans."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from leadloop.inbox.apply import Application
from leadloop.inbox.turns.journey_facts import JourneyReader
from leadloop.language import plan as p
from leadloop.leads.records import IncomingRecord, RecordResult, upsert_record
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment
from tests.factories import EVENTS, NOW, ManualClock, make_environment, make_publication, make_workspace

STARTS = NOW + timedelta(days=10)
"""A seminar ten days from now."""
RENEWAL = "2027-02-01"


def _named(kind: str) -> dict[str, p.FieldSpec]:
    return {kind: p.FieldSpec(type="text", record=kind)}


RECORDS = {
    "seminar": p.RecordKind(
        fields={"title": p.FieldSpec(type="text"), "starts_at": p.FieldSpec(type="datetime")}
    ),
    "contract": p.RecordKind(
        of="company",
        contact="lead",
        fields={
            "renews_on": p.FieldSpec(type="date"),
            "status": p.FieldSpec(type="enum", values=("active", "ended")),
        },
    ),
    "estimate": p.RecordKind(
        of="lead", fields={"amount": p.FieldSpec(type="int"), "valid_until": p.FieldSpec(type="date")}
    ),
}
RECORD_EVENTS = {
    "seminar_registered": _named("seminar"),
    "event_attended": _named("seminar"),
    "survey_answered": {**_named("seminar"), "interest": p.FieldSpec(type="text")},
    "contract_renewed": _named("contract"),
    "estimate_opened": _named("estimate"),
}


def registered(event: str = "seminar_registered") -> p.EventMatch:
    return p.EventMatch(event=event)


def plan(*steps: Any, scenario: str = "seminar", entry: Any = None, **values: Any) -> p.Plan:
    """Return a plan of these steps, `per: seminar` and entered by a registration where not said."""
    fields: dict[str, Any] = {
        "scenario": scenario,
        "title": "セミナー",
        "topic": "nurture",
        "per": "seminar",
        "entry": (p.Entry(match=entry or registered()),),
        "first": steps[0].id,
        "steps": {step.id: step for step in steps},
    }
    return p.Plan(**(fields | values))


def environment(
    tmp_path: Path, clock: ManualClock, *plans: p.Plan, url: str | None = None, **parts: Any
) -> Environment:
    """Return an environment whose only scenarios are these."""
    tmp_path.mkdir(exist_ok=True)
    workspace = make_workspace(records=RECORDS, events=EVENTS | RECORD_EVENTS)
    values: dict[str, Any] = {"workspace": workspace, "plans": {one.scenario: one for one in plans}}
    return make_environment(tmp_path, make_publication(**(values | parts)), clock, url)


def put_seminar(
    env: Environment, key: str = "s1", starts: datetime | None = STARTS, **fields: Any
) -> RecordResult:
    """Put a seminar with a title in Japanese."""
    values = {"title": "製造業のDX入門", "starts_at": starts.isoformat() if starts else None, **fields}
    return upsert_record(env, IncomingRecord("seminar", key, values))


def reader(env: Environment, session: Any, journey: Enrolment) -> JourneyReader:
    """Return what a journey's conditions may read now. The session may write."""
    application = Application(session, env, lock_lead(session, journey.lead_id), env.clock.now())
    return JourneyReader(application, session.get_one(Enrolment, journey.id))


def when(source: str, **variables: Any) -> p.Expression:
    """Return a condition; a name's `__` is a dot."""
    return p.Expression(
        source=source, variables={name.replace("__", "."): kind for name, kind in variables.items()}
    )


def asked(question: p.Did, source: str = "did.q") -> p.Expression:
    """Return a condition that asks one question about the past, named `did.q`."""
    return p.Expression(source=source, variables={"did.q": "bool"}, did={"did.q": question})
