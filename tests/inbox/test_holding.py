"""A condition that cannot be evaluated holds the journey, and keeps a lead out; it is never a plain `no`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leadloop.inbox.apply import Application
from leadloop.inbox.entries.rules import explain_entry
from leadloop.inbox.publishing import publish_workspace
from leadloop.inbox.turns.editions import run_editions
from leadloop.language import plan as p
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Event
from tests.factories import ManualClock
from tests.inbox.driver import journeys, report, settle
from tests.inbox.entry_worlds import (
    CARE,
    add_lead,
    condition,
    days,
    did,
    publication,
    scenario,
    touch,
    world,
)

FORM = p.EventMatch(event="form_submitted")
SHARE = condition("100 / lead.employees >= 50", lead__employees="int")
"""Cannot be evaluated for a company without employees."""


def _form(env: Environment, lead: str, form: str = "contact") -> None:
    report(env, "form_submitted", lead_id=lead, properties={"form": form}, source="form", trust="verified")
    settle(env)


def _begun(tmp_path: Path, clock: ManualClock, plan: p.Plan) -> tuple[Environment, str]:
    """A journey of a lead whose `employees` is known and sound."""
    env = world(tmp_path, clock, plan)
    lead = add_lead(env, fields={"employees": 10}, family_name="山田")
    _form(env, lead)
    (journey,) = journeys(env)
    assert journey.status == EnrolmentStatus.RUNNING
    return env, lead


def _held(env: Environment) -> Enrolment:
    (journey,) = journeys(env)
    assert journey.status == EnrolmentStatus.HELD
    return journey


def _await(*branches: Any) -> p.AwaitStep:
    return p.AwaitStep(
        id="look",
        branches=tuple(p.Branch(match=match, go=p.Target(exit="met")) for match in branches),
        timeout=p.WaitSpec(span=days(30)),
        on_timeout=p.Target(exit="late"),
    )


def _waiting(*branches: Any) -> p.Plan:
    return scenario(FORM, first="look", steps={"look": _await(*branches)})


@pytest.mark.parametrize("place", ["goal", "exit_when"])
def test_condition_of_an_exit_that_fails_holds_the_journey_once(
    tmp_path: Path, clock: ManualClock, place: str
) -> None:
    values: dict[str, Any] = {place: (p.WhenMatch(when=SHARE),)}
    env, lead = _begun(tmp_path, clock, scenario(FORM, **values))
    touch(env, lead, fields={"employees": 0})
    settle(env)
    journey = _held(env)
    assert "100 / lead.employees >= 50" in (journey.held_reason or "")
    assert "(lead.employees = 0)" in (journey.held_reason or "")
    assert journey.held_code == "condition_failed"
    assert journey.due_at is None
    touch(env, lead, fields={"employees": 0}, job_title="部長")
    assert _held(env).held_reason == journey.held_reason
    env.database.close()


def test_exit_that_is_met_ends_the_journey_although_another_fails(tmp_path: Path, clock: ManualClock) -> None:
    exits = (p.WhenMatch(when=SHARE), p.StageMatch(stages=("customer",)))
    env, lead = _begun(tmp_path, clock, scenario(FORM, exit_when=exits))
    with env.database.write() as session:
        application = Application(session, env, lock_lead(session, lead), env.clock.now())
        application.lead.fields = {"employees": 0}
        application.move_stage("customer", None)
        application.settle()
    (journey,) = journeys(env)
    assert (journey.outcome, journey.held_reason, journey.held_code) == ("exited", None, None)
    env.database.close()


def test_condition_of_a_wait_that_fails_holds_the_journey(tmp_path: Path, clock: ManualClock) -> None:
    env, lead = _begun(tmp_path, clock, _waiting(p.WhenMatch(when=SHARE)))
    touch(env, lead, fields={"employees": 0})
    journey = _held(env)
    assert (journey.held_reason or "").startswith("condition of `look` failed: 100 / lead.employees >= 50")
    assert journey.held_code == "condition_failed"
    clock.advance(days=31)
    settle(env)
    assert _held(env).outcome is None
    env.database.close()


def test_where_of_an_awaited_event_that_fails_holds_the_journey(tmp_path: Path, clock: ManualClock) -> None:
    match = p.EventMatch(event="page_viewed", where=SHARE)
    env, lead = _begun(tmp_path, clock, _waiting(match))
    touch(env, lead, fields={"employees": 0})
    report(env, "page_viewed", lead_id=lead, properties={"path": "/pricing"}, source="tracking")
    settle(env)
    assert "100 / lead.employees >= 50" in (_held(env).held_reason or "")
    env.database.close()


def test_exit_that_fails_through_a_step_of_the_journey_holds_it_at_the_end_of_the_turn(
    tmp_path: Path, clock: ManualClock
) -> None:
    steps = {
        "first": p.WaitStep(id="first", wait=p.WaitSpec(span=days(1)), next=p.Target(step="zero")),
        "zero": p.SetStep(id="zero", fields={"employees": 0}, next=p.Target(step="rest")),
        "rest": p.WaitStep(id="rest", wait=p.WaitSpec(span=days(9)), next=p.Target(exit="completed")),
    }
    env, _ = _begun(tmp_path, clock, scenario(FORM, steps=steps, exit_when=(p.WhenMatch(when=SHARE),)))
    clock.advance(days=1)
    settle(env)
    journey = _held(env)
    assert (journey.state["step"], journey.held_code) == ("rest", "condition_failed")
    assert "100 / lead.employees >= 50" in (journey.held_reason or "")
    env.database.close()


def test_journey_whose_condition_is_mended_goes_on(tmp_path: Path, clock: ManualClock) -> None:
    env, lead = _begun(tmp_path, clock, scenario(FORM, goal=(p.WhenMatch(when=SHARE),)))
    touch(env, lead, fields={"employees": 0})
    _held(env)
    sound = condition("lead.employees > 0 && 100 / lead.employees >= 50", lead__employees="int")
    mended = scenario(FORM, goal=(p.WhenMatch(when=sound),), on_edit=p.OnEdit(default="move"))
    publish_workspace(env, publication(mended), "tests", clock.now())
    assert run_editions(env) == 1
    settle(env)
    (journey,) = journeys(env)
    assert journey.status == EnrolmentStatus.RUNNING
    assert journey.due_at is not None
    env.database.close()


def test_condition_since_the_entry_keeps_nobody_out(tmp_path: Path, clock: ManualClock) -> None:
    since_entry = p.WhenMatch(when=did("page_viewed", since="entry"))
    env = world(tmp_path, clock, scenario(FORM, exit_when=(since_entry,)))
    lead = add_lead(env)
    report(env, "page_viewed", lead_id=lead, properties={"path": "/"}, source="tracking")
    _form(env, lead)
    settle(env)
    (journey,) = journeys(env)
    assert journey.status == EnrolmentStatus.RUNNING
    report(env, "page_viewed", lead_id=lead, properties={"path": "/"}, source="tracking")
    settle(env)
    assert journeys(env)[0].outcome == "exited"
    env.database.close()


@pytest.mark.parametrize(
    "values",
    [{"audience": SHARE}, {"goal": (p.WhenMatch(when=SHARE),)}, {"exit_when": (p.WhenMatch(when=SHARE),)}],
)
def test_lead_does_not_enter_where_a_condition_fails(
    tmp_path: Path, clock: ManualClock, values: dict[str, Any]
) -> None:
    env = world(tmp_path, clock, scenario(FORM, **values))
    lead = add_lead(env, fields={"employees": 0})
    _form(env, lead)
    assert journeys(env) == []
    with env.database.write() as session:
        application = Application(session, env, lock_lead(session, lead), clock.now())
        event = Event(
            subject_id=lead, type="form_submitted", properties={"form": "contact"}, source="form",
            occurred_at=clock.now(), received_at=clock.now(),
        )  # fmt: skip
        refusal = explain_entry(application, application.publication.plans[CARE], event)
    assert refusal is not None
    assert refusal.code == "condition_failed"
    assert "(lead.employees = 0)" in (refusal.problem or "")
    env.database.close()
