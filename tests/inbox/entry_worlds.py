"""Small worlds for tests of entries: scenarios of one step, leads, and the plan's shapes in short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leadloop.inbox.apply import Application
from leadloop.inbox.backfill import begin_backfill, run_backfill
from leadloop.language import plan as p
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.publications import publish
from leadloop.storage.tables import Due, Lead, Record
from tests.factories import (
    EVENTS,
    ManualClock,
    make_environment,
    make_lead,
    make_publication,
    make_workspace,
)

CARE = "care"

WORKSPACE_EVENTS = EVENTS | {
    "score_crossed": {
        "model": p.FieldSpec(type="text"),
        "threshold": p.FieldSpec(type="int"),
        "direction": p.FieldSpec(type="text"),
    },
    "segment_entered": {"segment": p.FieldSpec(type="text")},
    "segment_left": {"segment": p.FieldSpec(type="text")},
    "event_attended": {"seminar": p.FieldSpec(type="text", record="seminar")},
}
RECORDS = {
    "seminar": p.RecordKind(fields={"starts_at": p.FieldSpec(type="datetime")}),
    "contract": p.RecordKind(of="company", contact="lead", fields={"renews_on": p.FieldSpec(type="date")}),
    "estimate": p.RecordKind(of="lead", fields={"valid_until": p.FieldSpec(type="date")}),
}


def days(amount: int) -> p.Span:
    return p.Span(amount=amount, unit="days")


def condition(source: str, **kinds: str) -> p.Expression:
    """A condition and the types of the facts it reads, with `__` for the dots of their names."""
    return p.Expression.model_validate(
        {"source": source, "variables": {name.replace("__", "."): kind for name, kind in kinds.items()}}
    )


def did(event: str, **values: Any) -> p.Expression:
    """`{did: EVENT, …}` as the compiler writes it."""
    question = p.Did(match=p.EventMatch(event=event), **values)
    return p.Expression(
        source="did.a1b2c3d4", variables={"did.a1b2c3d4": "bool"}, did={"did.a1b2c3d4": question}
    )


def segment(when: p.Expression) -> p.Segment:
    return p.Segment(when=when)


def scenario(match: Any, name: str = CARE, wait: int | None = 30, **values: Any) -> p.Plan:
    """A scenario that waits some days, or ends at once with `wait=None`."""
    entry = {key: values.pop(key) for key in ("existing", "limit", "people", "within") if key in values}
    first: Any = (
        p.ExitStep(id="first", exit=p.Target(exit="completed"))
        if wait is None
        else p.WaitStep(id="first", wait=p.WaitSpec(span=days(wait)), next=p.Target(exit="completed"))
    )
    return p.Plan(
        **(
            {
                "scenario": name,
                "topic": "nurture",
                "entry": (p.Entry(match=match, **entry),),
                "first": "first",
                "steps": {"first": first},
            }
            | values
        )
    )


def publication(*plans: p.Plan, segments: dict[str, p.Segment] | None = None, **parts: Any) -> p.Publication:
    workspace = make_workspace(events=WORKSPACE_EVENTS, records=RECORDS)
    return make_publication(
        workspace=workspace, plans={plan.scenario: plan for plan in plans}, segments=segments or {}, **parts
    )


def world(
    tmp_path: Path, clock: ManualClock, *plans: p.Plan, url: str | None = None, **parts: Any
) -> Environment:
    """An environment with these scenarios live."""
    return make_environment(tmp_path, publication(*plans, **parts), clock, url)


def republish(env: Environment, new: p.Publication, batch: int = 100) -> int:
    """Publish as the engine does, run the backfill to its end, and return the visits."""
    begin(env, new)
    visits = 0
    while done := run_backfill(env, batch):
        visits += done
    return visits


def begin(env: Environment, new: p.Publication) -> bool:
    """Publish and note the backfill, in one transaction."""
    old = env.publications.current()
    with env.database.write() as session:
        stored = env.publications.get(publish(session, new, "tests", env.clock.now()), session)
        return begin_backfill(session, env, old, stored, env.clock.now())


def add_lead(env: Environment, **values: Any) -> str:
    """Add a lead and bring it in line, as its first event would."""
    with env.database.write() as session:
        lead_id = make_lead(session, env, **values).id
    touch(env, lead_id)
    return lead_id


def touch(env: Environment, lead_id: str, **changes: Any) -> None:
    """Change fields of a lead and follow the change."""
    with env.database.write() as session:
        lead = lock_lead(session, lead_id)
        for name, value in changes.items():
            setattr(lead, name, value)
        session.add(lead)
        application = Application(session, env, lead, env.clock.now())
        application.settle()


def set_record(env: Environment, kind: str, key: str, lead_id: str | None = None, **values: Any) -> None:
    """Write a record, and follow the change at its lead."""
    company_id = values.pop("company_id", None)
    with env.database.write() as session:
        now = env.clock.now()
        row = session.get(Record, (kind, key)) or Record(kind=kind, key=key, created_at=now, updated_at=now)
        row.lead_id, row.company_id, row.fields = lead_id, company_id, values
        session.add(row)
    if lead_id is not None:
        touch(env, lead_id)


def lead_of(env: Environment, lead_id: str) -> Lead:
    with env.database.read() as session:
        return session.get_one(Lead, lead_id)


def due_keys(env: Environment, kind: str) -> dict[str, Due]:
    from sqlmodel import select

    with env.database.read() as session:
        return {row.key: row for row in session.exec(select(Due).where(Due.kind == kind)).all()}
