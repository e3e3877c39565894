"""Journeys whose workflow was terminated or deleted come back, also where nothing is overdue."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest
from sqlmodel import delete, select
from temporalio.client import Client, WorkflowExecutionStatus

from leadloop.contracts import journey_workflow_id
from leadloop.inbox.recovery import missing
from leadloop.inbox.recovery.missing import restart_missing
from leadloop.inbox.relaying.relay import Relay
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Wake
from tests.factories import ManualClock
from tests.inbox.driver import journeys, report, settle
from tests.recovery.world import World, delete_workflow, until, workflow_status

RUNNING = WorkflowExecutionStatus.RUNNING


def _age(world: World, **units: float) -> None:
    """Let the journeys' last turns, and the last look at them, be longer ago."""
    with world.env.database.write() as session:
        for row in session.exec(select(Enrolment)).all():
            row.moved_at -= timedelta(**units)
            session.add(row)


async def test_missing_workflows_are_restarted_at_their_stored_turn(
    world: World, temporal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "ROUND", timedelta())
    world.enter("taro", "hanako", "jiro")
    async with world.running(temporal) as client:
        await until(lambda: len(world.mails()) == 3 and world.all_wait(), "all wait")
    terminated, deleted, healthy = world.journeys()
    await client.get_workflow_handle(journey_workflow_id(terminated.id)).terminate()
    await delete_workflow(client, deleted.id)
    assert await restart_missing(world.env, client) == 0  # they moved a moment ago
    _age(world, minutes=6)
    assert await restart_missing(world.env, client) == 2
    assert [row.generation for row in world.journeys()] == [2, 2, 1]
    assert await restart_missing(world.env, client) == 0  # asked for already
    assert await Relay(world.env, client, world.workspace).run_once() == 2
    async with world.running(temporal):
        for row in (terminated, deleted, healthy):
            assert await workflow_status(client, row.id) == RUNNING
        world.click_all()
        await until(world.all_ended, "all ended")
    assert set(world.sink.received.values()) == {1}
    assert world.delivered() == 6


async def test_missing_looks_at_a_bounded_number_in_turn(
    env: Environment, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def is_gone(client: Client, enrolment_id: str) -> bool:
        asked.append(enrolment_id)
        return False

    monkeypatch.setattr(missing, "_is_gone", is_gone)
    client = cast(Client, None)  # nobody asks it
    for name in "abcde":
        report(
            env, "form_submitted", email=f"{name}@kaisha.example", properties={"form": "whitepaper"},
            identity={"consent": True}, source="form", trust="verified",
        )  # fmt: skip
    settle(env)
    with env.database.write() as session:
        session.exec(delete(Wake))  # the relay has sent them
    clock.advance(minutes=6)
    await restart_missing(env, client, limit=2)
    await restart_missing(env, client, limit=2)  # another process, a moment later
    assert len(asked) == 2
    for _ in range(3):  # the second of them finds one only, and the third begins from the front
        clock.advance(seconds=11)
        await restart_missing(env, client, limit=2)
    assert len(asked) == 7
    assert set(asked[:5]) == {row.id for row in journeys(env)}
    assert asked[5:] == asked[:2]
