"""`leadloop recover`: the workflows come back from the database after Temporal lost its data."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sqlmodel import select
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.inbox.doctor import examine
from leadloop.inbox.recovery.rebuild import begin_rebuild, rebuild_next, unfinished_rebuild
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Wake
from tests.factories import SECRET, ManualClock
from tests.inbox.driver import journeys, report, settle
from tests.recovery.world import World, connect_soon, new_temporal, until, workflow_status

RUNNING, COMPLETED = WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED


def _configure(monkeypatch: pytest.MonkeyPatch, world: World, address: str) -> None:
    monkeypatch.setenv("LEADLOOP_STATE", str(world.folder))
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)


def _end_all_waits(world: World) -> None:
    """Let the days of waiting be over; without a workflow nobody notices."""
    with world.env.database.write() as session:
        for row in session.exec(select(Enrolment)).all():
            at = world.env.clock.now()
            row.due_at, row.next = at, {**row.next, "due_at": at.isoformat()}
            session.add(row)


async def test_recover_brings_journeys_back_after_temporal_lost_its_data(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.enter("taro", "hanako")
    with new_temporal(tmp_path, "first") as address:
        async with world.running(address):
            await until(lambda: len(world.mails()) == 2 and world.all_wait(), "both wait")
    _end_all_waits(world)
    with new_temporal(tmp_path, "second") as address:
        _configure(monkeypatch, world, address)
        dry = await asyncio.to_thread(CliRunner().invoke, app, ["recover", "--dry-run"])
        assert "whitepaper-nurture" in dry.output
        assert {row.generation for row in world.journeys()} == {1}
        async with world.running(address) as client:
            for row in world.journeys():
                with pytest.raises(RPCError):
                    await workflow_status(client, row.id)
            done = await asyncio.to_thread(CliRunner().invoke, app, ["recover", "--json"])
            assert done.exit_code == 0, done.output
            assert json.loads(done.stdout)["restarted"] == 2
            for row in world.journeys():
                assert await workflow_status(client, row.id) in (RUNNING, COMPLETED)
            await until(world.all_ended, "the new workflows take both journeys to their end")
    assert {row.generation for row in world.journeys()} == {2}
    assert sorted(mail.template for mail in world.mails()) == ["case", "case", "thanks", "thanks"]
    assert set(world.sink.received.values()) == {1}
    assert world.delivered() == 4
    assert examine(world.env).problems == []


def _enter(env: Environment, *names: str) -> None:
    for name in names:
        report(
            env, "form_submitted", email=f"{name}@kaisha.example", properties={"form": "whitepaper"},
            identity={"consent": True}, source="form", trust="verified",
        )  # fmt: skip
    settle(env)


def test_rebuild_that_was_stopped_goes_on_where_it_was(env: Environment, clock: ManualClock) -> None:
    _enter(env, "a", "b", "c")
    clock.advance(minutes=1)
    rebuild = begin_rebuild(env)
    assert rebuild.total == 3
    _, ended = rebuild_next(env, rebuild, 2)
    assert not ended
    clock.advance(minutes=1)
    _enter(env, "d")  # came while it was stopped: has its workflow
    going_on = unfinished_rebuild(env)
    assert going_on is not None
    assert going_on.done == 2
    going_on, ended = rebuild_next(env, going_on, 2)
    assert (going_on.done, ended) == (3, True)
    assert unfinished_rebuild(env) is None
    assert [row.generation for row in journeys(env)] == [2, 2, 2, 1]


def test_rebuild_of_one_scenario_leaves_the_others_and_ended_journeys_alone(env: Environment) -> None:
    _enter(env, "a")
    report(env, "form_submitted", email="a@kaisha.example", properties={"form": "contact"}, source="form")
    settle(env)  # hot: the nurture has reached its goal, sales has the lead
    rebuild, _ = rebuild_next(env, begin_rebuild(env, "whitepaper-nurture"), 10)
    assert rebuild.total == rebuild.done == 0
    rebuild, _ = rebuild_next(env, begin_rebuild(env), 10)
    assert rebuild.counts == {"sales-handoff": 1}
    with env.database.read() as session:
        restarts = {wake.enrolment_id for wake in session.exec(select(Wake)).all() if wake.restart}
    assert restarts == {row.id for row in journeys(env, "sales-handoff")}


def test_recover_of_an_unknown_scenario_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _configure(monkeypatch, world, "127.0.0.1:1")
    refused = CliRunner().invoke(app, ["recover", "--scenario", "whitepaper"])
    assert refused.exit_code == 1
    assert "no scenario `whitepaper` is published" in refused.output


async def test_recover_finds_the_temporal_of_a_running_stack(
    world: World, temporal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`leadloop up` notes its ports in the state folder."""
    await connect_soon(temporal)
    _configure(monkeypatch, world, temporal)
    monkeypatch.delenv("TEMPORAL_ADDRESS")
    (world.folder / "ports.json").write_text(json.dumps({"temporal": int(temporal.partition(":")[2])}))
    done = await asyncio.to_thread(CliRunner().invoke, app, ["recover"])
    assert (done.exit_code, "restarted 0 of 0 journeys" in done.output) == (0, True)
    (world.folder / "ports.json").write_text(json.dumps({"temporal": 1}))
    gone = await asyncio.to_thread(CliRunner().invoke, app, ["recover"])
    assert gone.exit_code == 1
    assert "no Temporal service at 127.0.0.1:1" in gone.output
