"""Kinds of work in processes of their own, on a real server: queues, order, rates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.client import Client

from activities.email import EmailActivities
from activities.journey import JourneyActivities
from leadloop.connection import connect
from leadloop.contracts import SEND_MESSAGE, SendReply, SendRequest
from leadloop.inbox.applier import apply_once
from leadloop.inbox.relaying.relay import Relay
from leadloop.inbox.turns.turn import EMAIL_PROVIDER
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Message
from tests.factories import make_environment, make_publication, make_workspace
from tests.inbox.driver import journeys, mark_sent, report
from tests.inbox.played import END, FORM, plan_of
from tests.kill.engine import Engine, SlowSink, dev_server, wait_until
from worker import Shared, email_worker, journeys_worker

BULK, HOT = 20, 4
_PATIENCE = 60.0


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dev_server(tmp_path_factory.mktemp("temporal")) as address:
        yield address


@pytest_asyncio.fixture
async def client(temporal: str) -> AsyncIterator[Client]:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            yield await connect(temporal)
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


class OneByOne(EmailActivities):
    """Hands over one mail after the other, and remembers in which order."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self.order: list[str] = []

    @activity.defn(name=SEND_MESSAGE)
    def send_message(self, request: SendRequest) -> SendReply:
        mark_sent(self._env, request.message_id)
        with self._env.database.read() as session:
            self.order.append(session.get_one(Message, request.message_id).scenario)
        time.sleep(0.02)
        return SendReply(status="sent")


def scenario(name: str, form: str, priority: int) -> p.Plan:
    send = p.SendStep(id="mail", template="thanks", topic="service", on_skip=END, on_fail=END)
    entry = FORM.model_copy(update={"properties": (p.PropertyMatch(name="form", values=(form,)),)})
    return plan_of(send, scenario=name, priority=priority, entry=(p.Entry(match=entry),))


async def test_mails_of_a_higher_priority_overtake_a_bulk_mailing(tmp_path: Path, client: Client) -> None:
    bulk, hot = scenario("bulk", "whitepaper", 10), scenario("hot", "contact", 90)
    workspace = make_workspace(name=tmp_path.name)
    env = make_environment(tmp_path, make_publication(workspace=workspace, plans={"bulk": bulk, "hot": hot}))
    sender = OneByOne(env)
    relay = Relay(env, client, workspace.name)

    def enter(form: str, count: int) -> None:
        for number in range(count):
            report(env, "form_submitted", email=f"{form}{number}@kaisha.example", properties={"form": form})
        apply_once(env)

    with ThreadPoolExecutor(8) as threads:
        shared = Shared(client, workspace.name)
        async with journeys_worker(shared, JourneyActivities(env), threads, max_cached_workflows=100):
            for form, count in (("whitepaper", BULK), ("contact", HOT)):
                await asyncio.to_thread(enter, form, count)
                await relay.run_once()
                wanted = BULK if form == "whitepaper" else BULK + HOT
                deadline = time.monotonic() + _PATIENCE
                while sum(row.turn_no == 1 for row in journeys(env)) < wanted:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.05)
            await asyncio.sleep(1)  # the last activities reach their queue
            async with email_worker(shared, sender, threads, EMAIL_PROVIDER, at_once=1):
                deadline = time.monotonic() + _PATIENCE
                while len(sender.order) < BULK + HOT:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.05)
    env.database.close()
    assert sender.order.count("hot") == HOT
    # A queue has several partitions, and each keeps its own order: the mean place tells, not the last one.
    places = [number for number, name in enumerate(sender.order) if name == "hot"]
    assert sum(places) / HOT < len(sender.order) / 2, sender.order


def test_rate_is_that_of_the_queue_over_all_processes(env: Environment, client: Client) -> None:
    with ThreadPoolExecutor(4) as threads:
        worker = email_worker(Shared(client, "acme"), OneByOne(env), threads, "smtp", per_second=3.5)
    assert worker.config()["max_task_queue_activities_per_second"] == 3.5
    assert worker.config()["max_activities_per_second"] is None


def test_each_kind_in_a_process_of_its_own_does_the_whole_work(temporal: str, tmp_path: Path) -> None:
    sink = SlowSink()
    engine = Engine(tmp_path, temporal, sink)
    try:
        for kind in ("journeys", "email", "services"):
            engine.start_worker(run=[kind])
        report(
            engine.env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"},
            identity={"consent": True}, source="form", trust="verified",
        )  # fmt: skip
        wait_until(lambda: len(sink.received) == 1, _PATIENCE, engine.log())
        wait_until(
            lambda: [row.next.get("kind") for row in journeys(engine.env)] == ["wait"],
            _PATIENCE,
            engine.log(),
        )
    finally:
        engine.close()
        sink.close()
    assert set(sink.received.values()) == {1}
