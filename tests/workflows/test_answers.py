"""Turns that are taken before their workflow asks: the answer that comes with a wake, a mail or a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import delete
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from leadloop.contracts import (
    JOURNEY_WORKFLOW,
    WAKE_SIGNAL,
    JourneyInput,
    Next,
    TurnReply,
    TurnRequest,
    WakeSignal,
    journey_workflow_id,
    journeys_queue,
)
from leadloop.inbox.applier import apply_once
from leadloop.inbox.relaying.relay import Relay
from leadloop.inbox.turns.ahead import TurnsAhead
from leadloop.language import plan as p
from leadloop.storage.tables import Enrolment, Wake
from tests.delivery.receiver import Receiver
from tests.inbox.driver import click, journeys, mails, mark_sent, report
from tests.inbox.played import rest
from tests.temporal_env import WORKSPACE, Bench, bench_of, calls_to, running_workers

COMPLETED = WorkflowExecutionStatus.COMPLETED


def _ask_for_paper(bench: Bench) -> None:
    report(
        bench.env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"},
        identity={"consent": True}, source="form", trust="verified",
    )  # fmt: skip


async def _enter(bench: Bench) -> Enrolment:
    """A person asks for the paper; return the journey that this starts."""
    _ask_for_paper(bench)
    await bench.serve()
    (journey,) = journeys(bench.env)
    return journey


def _waits(bench: Bench, turn_no: int = 2) -> bool:
    (journey,) = journeys(bench.env)
    return (journey.turn_no, journey.next.get("kind")) == (turn_no, "wait")


def _markers(events: Sequence[Any]) -> list[Any]:
    return [event for event in events if event.HasField("marker_recorded_event_attributes")]


async def _questions(bench: Bench, journey: Enrolment) -> int:
    """Return how often the workflow has asked for a turn: each is a local activity, a marker in history."""
    return len(_markers((await bench.journey(journey.id).fetch_history()).events))


async def _signals(bench: Bench, journey: Enrolment) -> list[Any]:
    history = await bench.journey(journey.id).fetch_history()
    return [
        event.workflow_execution_signaled_event_attributes
        for event in history.events
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]


@pytest.mark.parametrize("cached", [1000, 0], ids=["cached", "replaying"])
async def test_journey_that_is_answered_asks_for_no_turn(bench: Bench, cached: int) -> None:
    async with running_workers(bench.env, bench.client, bench.email, max_cached_workflows=cached):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench))
        click(bench.env, journey)
        assert await bench.until_closed(journey.id) == COMPLETED
        assert await _questions(bench, journey) == 0
    assert [mail.template for mail in mails(bench.env)] == ["thanks", "case"]
    assert (await bench.journey(journey.id).result()).turn_no == 4


async def test_call_is_answered_with_the_turn_that_follows(
    time_server: WorkflowEnvironment, tmp_path: Path, receiver: Receiver
) -> None:
    hook = p.WebhookStep(id="hook", to="crm", on_fail=p.Target(exit="failed"))
    bench = await bench_of(time_server, tmp_path, hook, rest(days=1))
    async with running_workers(bench.env, bench.client, bench.email, calls_to(bench.env, receiver.url)):
        await bench.until(lambda: _waits(bench))
        (journey,) = journeys(bench.env)
        await bench.until_asleep(journey.id)
        assert await _questions(bench, journey) == 0
    assert len(receiver.received) == 1
    bench.env.database.close()


async def test_journey_asks_when_its_timer_fires(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench))
        await bench.skip(days=6)
        assert await bench.until_closed(journey.id) == COMPLETED
        assert await _questions(bench, journey) == 1
    assert [mail.template for mail in mails(bench.env)] == ["thanks", "case"]


@pytest.mark.parametrize(
    ("turn_no", "generation", "age", "is_used"),
    [(3, 1, 5, True), (3, 1, 15, False), (3, 1, -15, False), (2, 1, 5, False), (3, 2, 5, False)],
    ids=["good", "old", "of the future", "known turn", "other generation"],
)
async def test_journey_uses_an_answer_only_where_it_is_still_true(
    bench: Bench, turn_no: int, generation: int, age: float, is_used: bool
) -> None:
    """An answer that nobody gave: the database says that the journey waits."""
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench))
        now = await bench.server.get_current_time()
        reply = TurnReply(
            status="committed",
            turn_no=turn_no,
            next=Next(kind="end", outcome="answered"),
            at=now - timedelta(seconds=age),
        )
        handle = bench.journey(journey.id)
        await handle.signal(WAKE_SIGNAL, WakeSignal(generation=generation, turn=reply))
        if not is_used:
            await bench.until_history(journey.id, lambda events: bool(_markers(events)))
            click(bench.env, journey)
        assert await bench.until_closed(journey.id) == COMPLETED
    assert (await handle.result()).outcome == ("answered" if is_used else "completed")


async def test_wake_beside_an_answered_one_is_not_lost(bench: Bench) -> None:
    """Both come before the workflow runs. The answer does not know of what the other one is about."""
    journey = await _enter(bench)
    (mail,) = mails(bench.env)
    mark_sent(bench.env, mail.id)
    now = await bench.server.get_current_time()
    asked = TurnRequest(enrolment_id=journey.id, generation=1, turn_no=2, now=now)
    answer = await asyncio.to_thread(TurnsAhead(bench.env).take, asked)
    assert answer is not None
    assert answer.next.kind == "wait"
    click(bench.env, journey)
    await asyncio.to_thread(apply_once, bench.env)
    assert await Relay(bench.env, bench.client, WORKSPACE).run_once() == 1
    await bench.journey(journey.id).signal(WAKE_SIGNAL, WakeSignal(generation=1, turn=answer))
    async with running_workers(bench.env, bench.client, bench.email):
        assert await bench.until_closed(journey.id) == COMPLETED
    assert [mail.template for mail in mails(bench.env)] == ["thanks", "case"]
    assert journeys(bench.env)[0].moved_at - now < timedelta(days=1)


async def test_workflow_hears_of_an_end_whose_answer_was_lost(bench: Bench) -> None:
    """The process dies between the closing turn and its wake; another one finds the wake, not the answer."""
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench))
        report(bench.env, "form_submitted", lead_id=journey.lead_id, properties={"form": "contact"})
        bench.clock.at(await bench.server.get_current_time())
        await asyncio.to_thread(apply_once, bench.env, bench.woken)
        ended = next(row for row in journeys(bench.env) if row.id == journey.id)
        assert (ended.outcome, ended.next["kind"]) == ("goal", "end")
        assert await Relay(bench.env, bench.client, WORKSPACE).run_once() > 0
        assert await bench.until_closed(journey.id) == COMPLETED
    assert (await bench.journey(journey.id).result()).outcome == "goal"


async def test_journey_that_ends_in_its_first_turn_needs_no_workflow(
    time_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    bench = await bench_of(time_server, tmp_path, p.TagStep(id="tag", tags=("seen",)))
    await bench.serve()
    (journey,) = journeys(bench.env)
    assert (journey.turn_no, journey.next["kind"]) == (1, "end")
    with pytest.raises(RPCError) as raised:
        await bench.journey(journey.id).describe()
    assert raised.value.status == RPCStatusCode.NOT_FOUND
    assert await bench.serve() == 0  # and its wake is gone
    bench.env.database.close()


async def test_run_that_begins_does_not_sleep_on_an_answer(bench: Bench) -> None:
    """Its wake was overtaken: the journey was ended by another process, and there is no workflow to tell."""
    bench.clock.at(await bench.server.get_current_time())
    _ask_for_paper(bench)
    await asyncio.to_thread(apply_once, bench.env)
    (journey,) = journeys(bench.env)
    now = await bench.server.get_current_time()
    asked = TurnRequest(enrolment_id=journey.id, generation=1, turn_no=1, now=now)
    sending = await asyncio.to_thread(TurnsAhead(bench.env).take, asked)
    assert sending is not None
    late = sending.model_copy(update={"next": Next(kind="wait"), "wait_seconds": None})
    mark_sent(bench.env, mails(bench.env)[0].id)
    report(bench.env, "form_submitted", lead_id=journey.lead_id, properties={"form": "contact"})
    await asyncio.to_thread(apply_once, bench.env)
    asked = TurnRequest(enrolment_id=journey.id, generation=1, turn_no=2, now=now)
    closing = await asyncio.to_thread(TurnsAhead(bench.env).take, asked)
    assert closing is not None
    assert closing.next.kind == "end"
    with bench.env.database.write() as session:  # the other process has sent the wake of this end
        session.exec(delete(Wake))
    await bench.client.start_workflow(
        JOURNEY_WORKFLOW,
        JourneyInput(enrolment_id=journey.id, generation=1, turn_no=1),
        id=journey_workflow_id(journey.id),
        task_queue=journeys_queue(WORKSPACE),
        start_signal=WAKE_SIGNAL,
        start_signal_args=[WakeSignal(generation=1, turn=late)],
    )
    async with running_workers(bench.env, bench.client, bench.email):
        assert await bench.until_closed(journey.id) == COMPLETED
    assert (await bench.journey(journey.id).result()).outcome == "goal"


async def test_timer_of_an_answer_counts_from_when_it_was_given(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench))
        await bench.until_asleep(journey.id)
        reply = TurnReply(
            status="committed",
            turn_no=3,
            next=Next(kind="wait"),
            wait_seconds=30,
            at=await bench.server.get_current_time() - timedelta(seconds=6),
        )
        await bench.journey(journey.id).signal(WAKE_SIGNAL, WakeSignal(generation=1, turn=reply))
        timers = _timers(await bench.until_history(journey.id, lambda events: len(_timers(events)) == 2))
    assert timers[-1] <= timedelta(seconds=24)


def _timers(events: Sequence[Any]) -> list[timedelta]:
    return [
        event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
        for event in events
        if event.HasField("timer_started_event_attributes")
    ]


async def test_answers_hold_no_personal_data(bench: Bench) -> None:
    async with running_workers(bench.env, bench.client, bench.email):
        journey = await _enter(bench)
        await bench.until(lambda: _waits(bench))
        await bench.until_asleep(journey.id)
        history = await bench.journey(journey.id).fetch_history()
    done = [
        event.activity_task_completed_event_attributes.result
        for event in history.events
        if event.HasField("activity_task_completed_event_attributes")
    ]
    texts = [
        one.payloads[0].data.decode() for one in (*(s.input for s in await _signals(bench, journey)), *done)
    ]
    assert [json.loads(text)["turn"]["turn_no"] for text in texts] == [1, 2]
    assert not any("kaisha" in text or "taro" in text for text in texts)
