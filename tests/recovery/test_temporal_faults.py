"""What operators and time do to workflows: reset, deleted, finished, not started. The database decides."""

from __future__ import annotations

import asyncio
import uuid

import httpx
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus

from leadloop.contracts import SEND_MESSAGE, journey_workflow_id
from leadloop.delivery.tokens import Tokens
from leadloop.inbox.applier import apply_once
from leadloop.inbox.doctor import examine
from leadloop.language import plan as p
from leadloop.storage.tables import MessageStatus
from leadloop.web.app import create_app
from tests.factories import make_plans
from tests.recovery.world import (
    World,
    connect_soon,
    delete_workflow,
    small_publication,
    until,
    workflow_status,
)

NURTURE = "whitepaper-nurture"


async def _reset_before_send(client: Client, enrolment_id: str) -> str:
    """Reset as `temporal workflow reset` does, to the task that asked for the mail; return the new run."""
    workflow_id = journey_workflow_id(enrolment_id)
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    (scheduled,) = [
        event.activity_task_scheduled_event_attributes
        for event in history.events
        if event.activity_task_scheduled_event_attributes.activity_type.name == SEND_MESSAGE
    ]
    reply = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=history.run_id),
            reason="tests",
            request_id=str(uuid.uuid4()),
            workflow_task_finish_event_id=scheduled.workflow_task_completed_event_id,
        )
    )
    return reply.run_id


async def test_t12_workflow_reset_to_before_the_send_sends_nothing_again(world: World, temporal: str) -> None:
    world.enter("taro")
    async with world.running(temporal) as client:
        await until(lambda: len(world.mails()) == 1 and world.all_wait(), "waits")
        (journey,) = world.journeys()
        handle = client.get_workflow_handle(journey_workflow_id(journey.id))
        before = (await handle.describe()).run_id
        run_id = await _reset_before_send(client, journey.id)
        assert run_id != before
        for _ in range(600):  # the new run has asked for the turn it was reset to, and waits for the next one
            events = (await handle.fetch_history()).events
            if events[-1].HasField("timer_started_event_attributes"):
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("the new run does not wait")
        assert (await handle.describe()).run_id == run_id
        assert [mail.status for mail in world.mails()] == [MessageStatus.SENT]
        world.click_all()
        await until(world.all_ended, "the new run goes on to the end")
    assert [mail.template for mail in world.mails()] == ["thanks", "case"]
    assert set(world.sink.received.values()) == {1}
    assert world.delivered() == 2
    assert examine(world.env).problems == []


async def test_t12_workflow_reset_while_the_mail_is_under_way_sends_it_once(
    world: World, temporal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The send activity of the old run and that of the new one are for the same row."""
    world.enter("taro")
    world.sink.hold()
    async with world.running(temporal) as client:
        await until(lambda: world.sink.waiting == 1, "the mail server has the mail, and does not answer")
        (journey,) = world.journeys()
        await _reset_before_send(client, journey.id)
        await until(lambda: world.mails()[0].status == MessageStatus.UNCERTAIN, "the new run finds a claim")
        world.sink.let_go()
        await until(world.all_wait, "goes on")
    assert world.delivered() == 1


@pytest.mark.fault
async def test_t7_finished_journey_whose_history_is_gone_is_not_begun_again(
    world: World, temporal: str
) -> None:
    plans = make_plans()
    never = plans[NURTURE].model_copy(update={"reentry": p.Reentry(mode="never")})
    world.publish(small_publication(world.workspace, plans=plans | {NURTURE: never}))
    world.enter("taro")
    async with world.running(temporal) as client:
        await until(lambda: len(world.mails()) == 1 and world.all_wait(), "waits")
        world.click_all()
        await until(world.all_ended, "ended")
        (journey,) = world.journeys()
        await delete_workflow(client, journey.id)
        world.enter("taro")
        await until(world.all_applied, "applied")
    assert [row.id for row in world.journeys()] == [journey.id]
    assert world.delivered() == 2


async def test_t7_open_journey_whose_workflow_is_gone_is_not_begun_again(world: World, temporal: str) -> None:
    world.enter("taro")
    async with world.running(temporal) as client:
        await until(lambda: len(world.mails()) == 1 and world.all_wait(), "waits")
        (journey,) = world.journeys()
        await client.get_workflow_handle(journey_workflow_id(journey.id)).terminate()
        world.enter("taro")
        await until(world.all_applied, "applied")
        assert [row.id for row in world.journeys()] == [journey.id]
        world.click_all()  # its event starts a workflow again
        await until(world.all_ended, "ended")
    assert set(world.sink.received.values()) == {1}
    assert world.delivered() == 2


async def test_t5_events_for_journeys_that_ended_or_have_not_begun_and_for_nobody(
    world: World, temporal: str
) -> None:
    app = create_app(world.env, tokens=Tokens(world.env.keys), public_url="https://mail.acme.example")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as api:
        nobody = await api.post("/v1/events", json={"type": "page_viewed", "lead": "nobody"})
        assert nobody.status_code == 422
        assert nobody.json()["items" if "items" in nobody.json() else "errors"]
        assert "there is no lead with this id" in nobody.text

        world.enter("taro")
        await asyncio.to_thread(apply_once, world.env)  # entered, and no workflow was started yet
        (journey,) = world.journeys()
        client = await connect_soon(temporal)
        event = {"type": "page_viewed", "lead": journey.lead_id, "properties": {"path": "/"}}
        early = await api.post("/v1/events", json=event | {"id": "early"})
        assert (early.status_code, early.json()["status"]) == (202, "accepted")
        async with world.running(temporal):
            await until(lambda: len(world.mails()) == 1 and world.all_wait(), "waits")
            world.click_all()
            await until(world.all_ended, "ended")
            for _ in range(600):
                if await workflow_status(client, journey.id) == WorkflowExecutionStatus.COMPLETED:
                    break
                await asyncio.sleep(0.05)
            late = await api.post("/v1/events", json=event | {"id": "late"})
            assert (late.status_code, late.json()["status"]) == (202, "accepted")
            world.click_all()
            await until(world.all_applied, "applied")
            await until(world.no_wakes, "no wake is left for a workflow that has ended")
        assert await workflow_status(client, journey.id) == WorkflowExecutionStatus.COMPLETED
    assert world.delivered() == 2
    assert examine(world.env).problems == []
