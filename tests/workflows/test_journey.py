"""`JourneyWorkflow` on a real server that skips time, with real turns on SQLite."""

from __future__ import annotations

import asyncio
import warnings
from datetime import timedelta

import pytest
from sqlmodel import select
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.service import RetryConfig
from temporalio.worker import WorkflowRunner

import workflows.journey
from leadloop.contracts import (
    JOURNEY_WORKFLOW,
    TAKE_TURN,
    TURN_GAP,
    WAKE_SIGNAL,
    JourneyInput,
    JourneyResult,
    WakeSignal,
    journey_workflow_id,
    journeys_queue,
)
from leadloop.inbox.recovery.sweeper import sweep
from leadloop.inbox.relaying.relay import Relay
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Message, Offer, Turn, Wake
from tests.inbox.driver import click, journeys, mails, report
from tests.temporal_env import (
    SANDBOXED,
    UNSANDBOXED,
    WORKSPACE,
    Bench,
    running_workers,
    time_skipping_server,
)

COMPLETED = WorkflowExecutionStatus.COMPLETED


async def _enter(bench: Bench, name: str = "taro") -> Enrolment:
    """A person asks for the paper; return the journey that this starts."""
    result = report(
        bench.env,
        "form_submitted",
        email=f"{name}@kaisha.example",
        properties={"form": "whitepaper"},
        identity={"family_name": "山田", "consent": True},
        trust="verified",
        source="form",
    )
    await bench.serve()
    return next(row for row in journeys(bench.env) if row.lead_id == result.lead_id)


def _waits(env: Environment, enrolment_id: str) -> bool:
    return _row(env, enrolment_id).next.get("kind") == "wait"


def _row(env: Environment, enrolment_id: str) -> Enrolment:
    with env.database.read() as session:
        return session.get_one(Enrolment, enrolment_id)


def _wakes(env: Environment) -> list[Wake]:
    with env.database.read() as session:
        return list(session.exec(select(Wake)).all())


def _templates(env: Environment) -> list[str]:
    return [mail.template for mail in mails(env)]


@pytest.mark.parametrize(
    ("runner", "cached"),
    [(SANDBOXED, 1000), (SANDBOXED, 0), (UNSANDBOXED, 0)],
    ids=["sandbox", "sandbox-replaying", "replaying"],
)
async def test_journey_times_out_after_days(bench: Bench, runner: WorkflowRunner, cached: int) -> None:
    async with running_workers(
        bench.env, bench.client, bench.email, runner=runner, max_cached_workflows=cached
    ):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, journey.id))
        await bench.skip(days=4, hours=23)
        assert _templates(bench.env) == ["thanks"]
        await bench.skip(hours=2)
        assert await bench.until_closed(journey.id) == COMPLETED
    assert await bench.journey(journey.id).result() == JourneyResult(outcome="completed", turn_no=4)
    assert _templates(bench.env) == ["thanks", "case"]


@pytest.mark.parametrize("cached", [1000, 0], ids=["cached", "replaying"])
async def test_journey_click_wakes_it_at_once(bench: Bench, cached: int) -> None:
    async with running_workers(bench.env, bench.client, bench.email, max_cached_workflows=cached):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, journey.id))
        entered_at = bench.clock.now()
        await bench.skip(days=1)
        click(bench.env, journey)
        assert await bench.until_closed(journey.id) == COMPLETED
    assert _templates(bench.env) == ["thanks", "case"]
    assert bench.clock.now() - entered_at < timedelta(days=2)


async def test_journey_goal_ends_it_and_hand_off_runs_to_its_expiry(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email, max_cached_workflows=0):
        nurture = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, nurture.id))
        report(bench.env, "form_submitted", lead_id=nurture.lead_id, properties={"form": "contact"})
        assert await bench.until_closed(nurture.id) == COMPLETED
        assert (await bench.journey(nurture.id).result()).outcome == "goal"

        (handoff,) = journeys(bench.env, "sales-handoff")
        await bench.until(lambda: _waits(bench.env, handoff.id))
        await bench.skip(days=7)
        assert await bench.until_closed(handoff.id) == COMPLETED
    assert (await bench.journey(handoff.id).result()).outcome == "unaccepted"
    assert [m.template for m in mails(bench.env, "notice")] == ["notice:handoff", "notice:escalation"]


async def test_journey_accepted_offer_waits_for_the_deal(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        nurture = await _enter(bench)
        report(bench.env, "form_submitted", lead_id=nurture.lead_id, properties={"form": "contact"})
        await bench.until(lambda: bool(journeys(bench.env, "sales-handoff")))
        (handoff,) = journeys(bench.env, "sales-handoff")
        await bench.until(lambda: _waits(bench.env, handoff.id))
        with bench.env.database.read() as session:
            offer = session.exec(select(Offer)).one()
        report(
            bench.env, "handoff_accepted", lead_id=handoff.lead_id, properties={"offer": offer.id},
            source="sales",
        )  # fmt: skip
        await bench.until(lambda: _row(bench.env, handoff.id).state["phase"] == "working")
        await bench.skip(days=6)
        report(bench.env, "deal_won", lead_id=handoff.lead_id, properties={"deal": "d1"}, source="sales")
        assert await bench.until_closed(handoff.id) == COMPLETED
    assert (await bench.journey(handoff.id).result()).outcome == "won"


async def test_journey_unsubscribed_while_waiting_ends_now(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, journey.id))
        before = bench.clock.now()
        report(
            bench.env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "*"}, source="tracking"
        )
        assert await bench.until_closed(journey.id) == COMPLETED
        assert bench.clock.now() - before < timedelta(hours=1)
    assert (await bench.journey(journey.id).result()).outcome == "unsubscribed"
    assert _templates(bench.env) == ["thanks"]


async def test_journey_continues_as_new_and_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows.journey, "MOST_TURNS", 1)
    async with running_workers(
        bench.env, bench.client, bench.email, runner=UNSANDBOXED, max_cached_workflows=0
    ):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, journey.id))
        first = (await bench.journey(journey.id).describe()).run_id
        await bench.skip(days=6)
        await bench.until(lambda: _row(bench.env, journey.id).status == EnrolmentStatus.ENDED)
        await bench.until_closed(journey.id)
    last = await bench.journey(journey.id).describe()
    assert last.run_id != first
    assert last.status == COMPLETED
    assert _templates(bench.env) == ["thanks", "case"]


async def test_journey_with_a_gap_fails_and_does_not_retry(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, journey.id))
        await bench.journey(journey.id).terminate()
        handle = await bench.client.start_workflow(
            JOURNEY_WORKFLOW,
            JourneyInput(enrolment_id=journey.id, generation=1, turn_no=9),
            id=journey_workflow_id(journey.id),
            task_queue=journeys_queue(WORKSPACE),
        )
        assert await bench.until_closed(journey.id) == WorkflowExecutionStatus.FAILED
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == TURN_GAP


async def test_journey_of_an_older_generation_ends_its_run(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, journey.id))
        with bench.env.database.write() as session:
            row = session.get_one(Enrolment, journey.id)
            row.generation = 2
            session.add(row)
        await bench.journey(journey.id).signal(WAKE_SIGNAL, WakeSignal())
        assert await bench.until_closed(journey.id) == COMPLETED
    assert (await bench.journey(journey.id).result()).outcome == "superseded"
    assert _row(bench.env, journey.id).status == EnrolmentStatus.RUNNING


async def test_journey_lost_by_the_server_is_restarted_and_sends_nothing_twice(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, journey.id))
        await bench.until_asleep(journey.id)
        await bench.journey(journey.id).terminate()
        await bench.skip(days=5, minutes=2)
        assert _templates(bench.env) == ["thanks"]
        assert sweep(bench.env) == 1
        assert _row(bench.env, journey.id).generation == 2
        assert sweep(bench.env) == 0  # the restart is asked for already
        assert await bench.until_closed(journey.id) == COMPLETED
    assert _templates(bench.env) == ["thanks", "case"]
    assert sorted(bench.email.sent) == sorted(mail.id for mail in mails(bench.env))


async def test_relay_two_wakes_start_one_run(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, journey.id))
        run_id = (await bench.journey(journey.id).describe()).run_id
        for _ in range(2):
            with bench.env.database.write() as session:
                ask_wake(session, journey.id, bench.clock.now())
            assert await Relay(bench.env, bench.client, WORKSPACE).run_once() == 1
        assert (await bench.journey(journey.id).describe()).run_id == run_id
        await bench.skip(days=6)
        await bench.until_closed(journey.id)
    assert _templates(bench.env) == ["thanks", "case"]


async def test_relay_does_not_start_an_ended_journey_again(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, journey.id))
        await bench.skip(days=6)
        await bench.until_closed(journey.id)
        run_id = (await bench.journey(journey.id).describe()).run_id
        with bench.env.database.write() as session:
            ask_wake(session, journey.id, bench.clock.now())
        await Relay(bench.env, bench.client, WORKSPACE).run_once()
    assert _wakes(bench.env) == []
    assert (await bench.journey(journey.id).describe()).run_id == run_id


async def test_relay_without_a_server_keeps_the_wake(bench: Bench) -> None:
    async with time_skipping_server() as gone:
        client = await Client.connect(
            gone.client.service_client.config.target_host,
            data_converter=pydantic_data_converter,
            retry_config=RetryConfig(max_retries=1),
        )
    report(bench.env, "form_submitted", email="a@b.example", properties={"form": "whitepaper"})
    await bench.serve()  # through the server that runs; the wake below is a new one
    (journey,) = journeys(bench.env)
    with bench.env.database.write() as session:
        ask_wake(session, journey.id, bench.clock.now())
    assert await Relay(bench.env, client, WORKSPACE).run_once() == 0
    assert [wake.enrolment_id for wake in _wakes(bench.env)] == [journey.id]


async def test_journey_outlives_a_database_that_refuses(bench: Bench) -> None:
    """A local activity that fails at once is asked through the server too; the workflow must not fail."""
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, journey.id))
        with bench.env.database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE enrolment RENAME TO enrolment_away")
        await bench.journey(journey.id).signal(WAKE_SIGNAL, WakeSignal())
        await _until_asked_through_the_server(bench, journey.id)
        with bench.env.database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE enrolment_away RENAME TO enrolment")
        await _until_asked_through_the_server(bench, journey.id, answered=True)
        await bench.skip(days=6)
        assert await bench.until_closed(journey.id) == COMPLETED
    assert _templates(bench.env) == ["thanks", "case"]


async def test_journey_outlives_a_database_that_hangs(bench: Bench) -> None:
    """The local activity gives up after five seconds; the same turn is then asked through the server."""
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench.env, journey.id))
        blocker = bench.env.database.engine.raw_connection()
        lock = "BEGIN IMMEDIATE" if bench.env.database.is_sqlite else "LOCK TABLE lead"
        blocker.driver_connection.execute(lock)  # type: ignore[union-attr]
        await bench.journey(journey.id).signal(WAKE_SIGNAL, WakeSignal())
        await _until_asked_through_the_server(bench, journey.id)
        blocker.driver_connection.rollback()  # type: ignore[union-attr]
        blocker.close()
        report(
            bench.env, "email_clicked", lead_id=journey.lead_id, message_id=mails(bench.env)[0].id,
            source="tracking",
        )  # fmt: skip
        assert await bench.until_closed(journey.id) == COMPLETED
    assert _templates(bench.env) == ["thanks", "case"]
    with bench.env.database.read() as session:
        turns = session.exec(select(Turn.turn_no).where(Turn.enrolment_id == journey.id)).all()
        messages = session.exec(select(Message)).all()
    assert sorted(turns) == [1, 2, 3, 4]
    assert [message.status.value for message in messages] == ["sent", "sent"]


async def _until_asked_through_the_server(bench: Bench, enrolment_id: str, answered: bool = False) -> None:
    """Wait until a turn was asked for by a normal activity, or until that was answered."""
    for _ in range(600):
        asked: set[int] = set()
        for event in (await bench.journey(enrolment_id).fetch_history()).events:
            if event.activity_task_scheduled_event_attributes.activity_type.name == TAKE_TURN:
                asked.add(event.event_id)
            completed = event.activity_task_completed_event_attributes.scheduled_event_id
            if completed in asked or (asked and not answered):
                return
        await asyncio.sleep(0.05)
    raise AssertionError("the turn was never asked through the server, or not answered")


@pytest.mark.parametrize(
    "warning", [workflow.UnfinishedSignalHandlersWarning, workflow.UnfinishedUpdateHandlersWarning]
)
def test_unfinished_handlers_are_errors_in_tests(warning: type[RuntimeWarning]) -> None:
    with pytest.raises(warning):
        warnings.warn(warning("a handler runs on"), stacklevel=1)
