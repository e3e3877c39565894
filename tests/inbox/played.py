"""One scenario of a few steps, published and entered: what most tests of effects need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leadloop.inbox.applier import apply_once
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Lead
from tests.factories import ManualClock, make_environment, make_lead, make_publication
from tests.inbox.driver import journeys, report

FORM = p.EventMatch(
    event="form_submitted", properties=(p.PropertyMatch(name="form", values=("whitepaper",)),)
)
END = p.Target(exit=p.COMPLETED)
ONE_DAY = p.Span(amount=1, unit="days")


def to(step: str) -> p.Target:
    return p.Target(step=step)


def rest(step_id: str = "rest", days: int = 30, **values: Any) -> p.WaitStep:
    """Return a wait."""
    return p.WaitStep(id=step_id, wait=p.WaitSpec(span=p.Span(amount=days, unit="days")), **values)


def plan_of(*steps: Any, scenario: str = "play", **values: Any) -> p.Plan:
    """Return a scenario that the whitepaper form starts; each step goes on to the one after it."""
    linked = [
        step if step.next != END or index + 1 == len(steps)
        else step.model_copy(update={"next": to(steps[index + 1].id)})
        for index, step in enumerate(steps)
    ]  # fmt: skip
    fields: dict[str, Any] = {"topic": "nurture", "entry": (p.Entry(match=FORM),)}
    return p.Plan(
        scenario=scenario, first=steps[0].id, steps={step.id: step for step in linked}, **(fields | values)
    )


def environment(tmp_path: Path, *plans: p.Plan, **parts: Any) -> Environment:
    """Return an environment with these scenarios live."""
    return make_environment(
        tmp_path, make_publication(plans={plan.scenario: plan for plan in plans}, **parts), ManualClock()
    )


def enter(env: Environment, **fields: Any) -> Enrolment:
    """Add a lead, submit the form, and return the first journey that it starts."""
    with env.database.write() as session:
        lead = make_lead(session, env, **fields)
    submit(env, lead.id)
    return next(row for row in journeys(env) if row.lead_id == lead.id)


def submit(env: Environment, lead_id: str) -> None:
    report(
        env, "form_submitted", lead_id=lead_id, properties={"form": "whitepaper"}, source="form",
        trust="verified",
    )  # fmt: skip
    apply_once(env)


def lead_of(env: Environment, lead_id: str) -> Lead:
    with env.database.read() as session:
        return session.get_one(Lead, lead_id)


def row_of(env: Environment, enrolment_id: str) -> Enrolment:
    with env.database.read() as session:
        return session.get_one(Enrolment, enrolment_id)
