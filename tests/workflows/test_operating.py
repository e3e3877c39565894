"""Operating journeys on a real Temporal server: what an operator writes reaches the workflow by a wake."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.client import WorkflowExecutionStatus

from leadloop.inbox.operations.commands import cancel_journey, pause_journey, resume_journey
from leadloop.inbox.operations.log import Caller
from leadloop.inbox.operations.migrating import migrate
from leadloop.inbox.operations.scenarios import pause_scenario, resume_scenario, settle_scenarios
from leadloop.inbox.publishing import publish_workspace
from leadloop.inbox.turns.editions import run_editions
from leadloop.language import plan as p
from leadloop.storage.tables import Enrolment, EnrolmentStatus
from tests.factories import make_plans, make_publication
from tests.inbox.driver import journeys, mails, report
from tests.temporal_env import Bench, running_workers

BY = Caller("sato")
NURTURE = "whitepaper-nurture"
COMPLETED = WorkflowExecutionStatus.COMPLETED


async def _enter(bench: Bench, name: str = "taro") -> Enrolment:
    result = report(
        bench.env, "form_submitted", email=f"{name}@kaisha.example", properties={"form": "whitepaper"},
        identity={"family_name": "山田", "consent": True}, trust="verified", source="form",
    )  # fmt: skip
    await bench.serve()
    return next(row for row in journeys(bench.env, NURTURE) if row.lead_id == result.lead_id)


def _row(bench: Bench, journey_id: str) -> Enrolment:
    with bench.env.database.read() as session:
        return session.get_one(Enrolment, journey_id)


def _sent(bench: Bench) -> list[str]:
    return [one.template for one in mails(bench.env)]


async def test_paused_wait_does_not_end_and_goes_on_after_the_pause(bench: Bench) -> None:
    """Five days to a timeout; one is over, then it stands still for twenty."""
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _row(bench, journey.id).next.get("kind") == "wait")
        await bench.skip(days=1)
        await asyncio.to_thread(pause_journey, bench.env, journey.id, BY, "freeze")
        await bench.skip(days=20)
        row = _row(bench, journey.id)
        assert (row.status, row.outcome, _sent(bench)) == (EnrolmentStatus.PAUSED, None, ["thanks"])
        await asyncio.to_thread(resume_journey, bench.env, journey.id, BY)
        await bench.serve()
        due_at = _row(bench, journey.id).due_at
        assert due_at is not None
        assert timedelta(days=3, hours=23) < due_at - bench.clock.now() <= timedelta(days=4)
        await bench.skip(days=4, minutes=1)
        assert await bench.until_closed(journey.id) == COMPLETED
    assert _sent(bench) == ["thanks", "case"]


async def test_scenario_is_paused_for_who_is_inside_and_who_enters(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        inside = await _enter(bench)
        await bench.until(lambda: _row(bench, inside.id).next.get("kind") == "wait")
        await asyncio.to_thread(pause_scenario, bench.env, NURTURE, BY)
        await asyncio.to_thread(settle_scenarios, bench.env)
        later = await _enter(bench, "jiro")
        await bench.skip(days=6)
        assert [_row(bench, one.id).status for one in (inside, later)] == [EnrolmentStatus.PAUSED] * 2
        assert _sent(bench) == ["thanks"]
        await asyncio.to_thread(resume_scenario, bench.env, NURTURE, BY)
        await asyncio.to_thread(settle_scenarios, bench.env)
        assert await bench.until_closed(inside.id) == COMPLETED  # its timeout came in the pause
        await bench.until(lambda: _row(bench, later.id).next.get("kind") == "wait")
    assert sorted(_sent(bench)) == ["case", "thanks", "thanks"]


async def test_cancelled_journey_closes_its_workflow(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _row(bench, journey.id).next.get("kind") == "wait")
        await asyncio.to_thread(cancel_journey, bench.env, journey.id, BY)
        assert await bench.until_closed(journey.id) == COMPLETED
    assert (await bench.journey(journey.id).result()).outcome == "cancelled"


async def test_r2_scenario_edited_while_leads_are_inside_a_real_engine(bench: Bench) -> None:
    """A step renamed and a wait shortened: one stays to the end, the others move by an explicit map."""
    async with running_workers(bench.env, bench.client, bench.email, max_cached_workflows=0):
        people = [await _enter(bench, name) for name in ("taro", "jiro", "hanako")]
        await bench.until(lambda: all(_row(bench, one.id).next.get("kind") == "wait" for one in people))
        old = _row(bench, people[0].id).plan_digest
        await asyncio.to_thread(pause_journey, bench.env, people[2].id, BY)
        plans = make_plans()
        nurture = plans[NURTURE]
        steps = {name: step for name, step in nurture.steps.items() if name != "read"}
        read = nurture.steps["read"].model_copy(
            update={"id": "look", "timeout": p.WaitSpec(span=p.Span(amount=3, unit="days"))}
        )
        thanks = nurture.steps["thanks"].model_copy(
            update=dict.fromkeys(("next", "on_skip", "on_fail"), p.Target(step="look"))
        )
        plans[NURTURE] = nurture.model_copy(update={"steps": {**steps, "thanks": thanks, "look": read}})
        at = bench.clock.now() + timedelta(seconds=1)
        await asyncio.to_thread(publish_workspace, bench.env, make_publication(plans=plans), "tests", at)
        await bench.skip(hours=1)
        assert {_row(bench, one.id).plan_digest for one in people} == {old}
        found = await asyncio.to_thread(migrate, bench.env, NURTURE, BY, None, {"read": "look"})
        assert found.people == 3
        await asyncio.to_thread(run_editions, bench.env)
        await bench.until(lambda: all(_row(bench, one.id).plan_digest != old for one in people[:2]))
        assert _row(bench, people[2].id).plan_digest == old  # paused: it moves when it is resumed
        await bench.skip(days=3)
        for one in people[:2]:
            assert await bench.until_closed(one.id) == COMPLETED
        await asyncio.to_thread(resume_journey, bench.env, people[2].id, BY)
        assert await bench.until_closed(people[2].id) == COMPLETED
    assert {_row(bench, one.id).plan_digest for one in people} == {found.version}
    assert sorted(_sent(bench)) == ["case"] * 3 + ["thanks"] * 3
