"""Workers stopped, killed and replaced while journeys run: `worker.py` as a process, a real mail server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
import pytest
from sqlmodel import col, select
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from leadloop.connection import connect
from leadloop.contracts import journey_workflow_id
from leadloop.embedded.processes import free_port
from leadloop.inbox.doctor import examine
from leadloop.storage.tables import Enrolment, LiveWorker, Message, MessageStatus
from tests.inbox.driver import ask_for_the_paper, click_all
from tests.kill.engine import Engine, wait_until


def _journeys(engine: Engine) -> Sequence[Enrolment]:
    with engine.env.database.read() as session:
        return session.exec(select(Enrolment).order_by(col(Enrolment.id))).all()


def _messages(engine: Engine) -> Sequence[Message]:
    with engine.env.database.read() as session:
        return session.exec(select(Message)).all()


def _builds(engine: Engine) -> list[str]:
    with engine.env.database.read() as session:
        return sorted(session.exec(select(LiveWorker.build)).all())


def _kinds(engine: Engine) -> list[str]:
    return [str(row.next.get("kind")) for row in _journeys(engine)]


def test_p6_stopped_worker_hands_over_what_it_began(engine: Engine) -> None:
    engine.sink.hold_seconds = 3
    worker = engine.start_worker()
    ask_for_the_paper(engine.env, "taro")
    wait_until(lambda: bool(engine.sink.received), 60, "DATA has come: " + engine.log())
    assert [row.status for row in _messages(engine)] == [MessageStatus.SENDING]  # its 250 is held back
    assert _builds(engine) != []
    worker.terminate()
    assert worker.wait(60) == 0, engine.log()
    (message,) = _messages(engine)
    assert message.status == MessageStatus.SENT
    assert dict(engine.sink.received) == {message.id: 1}
    assert _builds(engine) == []


@pytest.mark.fault
def test_p12_another_worker_takes_over_what_a_killed_one_had_cached(engine: Engine) -> None:
    worker = engine.start_worker()
    ask_for_the_paper(engine.env, "taro")
    wait_until(lambda: _kinds(engine) == ["wait"], 60, "it waits: " + engine.log())
    worker.kill()
    worker.wait()
    click_all(engine.env)
    engine.start_worker()
    wait_until(lambda: _kinds(engine) == ["end"], 60, "it ends: " + engine.log())
    (journey,) = _journeys(engine)
    assert journey.generation == 1  # by the server's own offer, not by the sweeper's restart
    assert sorted(engine.sink.received.values()) == [1, 1]


async def _make_current(client: Client, deployment: str, build: str) -> None:
    """Make a version current; it is refused until its workers have asked for all their queues."""
    for _ in range(300):
        try:
            await client.workflow_service.set_worker_deployment_current_version(
                SetWorkerDeploymentCurrentVersionRequest(
                    namespace=client.namespace, deployment_name=deployment, build_id=build
                )
            )
            return
        except RPCError as error:
            if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
                raise
            await asyncio.sleep(0.1)
    raise AssertionError(f"build {build} did not become current")


async def _build_of(client: Client, enrolment_id: str) -> str:
    described = await client.get_workflow_handle(journey_workflow_id(enrolment_id)).describe()
    versioning = described.raw_description.workflow_execution_info.versioning_info
    return versioning.deployment_version.build_id


@pytest.mark.fault
async def test_r5_rolling_restart_with_two_builds_at_once(engine: Engine, temporal: str) -> None:
    journeys = 8
    deployment = f"leadloop-{engine.sink.port}"
    client = await connect(temporal)

    def start(build: str) -> object:
        return engine.start_worker(TEMPORAL_DEPLOYMENT_NAME=deployment, TEMPORAL_WORKER_BUILD_ID=build)

    async def until(reached: object, what: str) -> None:
        await asyncio.to_thread(wait_until, reached, 110, f"{what}: {engine.log()}")  # type: ignore[arg-type]

    old = start("one")
    await until(lambda: _builds(engine) == ["one"], "the old build lives")
    await _make_current(client, deployment, "one")
    ask_for_the_paper(engine.env, *(f"mae{number}" for number in range(journeys)))
    await until(lambda: _kinds(engine) == ["wait"] * journeys, "the first journeys wait")
    start("two")
    await until(lambda: _builds(engine) == ["one", "two"], "both builds live")
    first = [row.id for row in _journeys(engine)]
    assert {await _build_of(client, journey) for journey in first} == {"one"}  # the new one is not current
    await _make_current(client, deployment, "two")
    ask_for_the_paper(engine.env, *(f"ato{number}" for number in range(journeys)))
    click_all(engine.env)
    await until(lambda: len(engine.sink.received) > journeys, "mails go on")
    old.terminate()  # type: ignore[attr-defined]
    await until(
        lambda: len(_kinds(engine)) == 2 * journeys and set(_kinds(engine)) <= {"wait", "end"}, "all wait"
    )
    click_all(engine.env)
    await until(lambda: _kinds(engine) == ["end"] * 2 * journeys, "all end")
    rows = _journeys(engine)
    assert {row.outcome for row in rows} == {"completed"}
    assert {row.generation for row in rows} == {1}
    assert {row.status for row in _messages(engine)} == {MessageStatus.SENT}
    assert sorted(engine.sink.received.values()) == [1] * 4 * journeys
    assert {await _build_of(client, journey) for journey in first} == {"two"}
    assert examine(engine.env).problems == []


def test_worker_serves_its_metrics(engine: Engine) -> None:
    port, sdk_port = free_port(), free_port()
    engine.start_worker(LEADLOOP_METRICS_PORT=str(port), LEADLOOP_METRICS_SDK_PORT=str(sdk_port))
    ask_for_the_paper(engine.env, "taro")
    wait_until(lambda: _kinds(engine) == ["wait"], 60, "it waits: " + engine.log())
    url = f"http://127.0.0.1:{port}/metrics"
    sent = 'leadloop_sends_total{status="sent"} 1.0'
    wait_until(lambda: sent in httpx.get(url).text, 30, "the mail is counted")
    ours = httpx.get(url).text
    assert 'leadloop_turns_total{status="committed"}' in ours
    assert "leadloop_database_up 1.0" in ours
    assert (
        "temporal_workflow_task_execution_latency_seconds"
        in httpx.get(f"http://127.0.0.1:{sdk_port}/metrics").text
    )
