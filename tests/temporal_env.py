"""Real Temporal servers for tests: the time-skipping one, and workers of the small workspace on it."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.email import EmailActivities
from activities.following import following_turn
from activities.integrations import IntegrationActivities
from activities.journey import JourneyActivities
from activities.log_context import LogContext
from leadloop.connection import ConnectionFailedError, connect
from leadloop.contracts import (
    SEND_MESSAGE,
    JourneyResult,
    SendReply,
    SendRequest,
    email_queue,
    integrations_queue,
    journey_workflow_id,
    journeys_queue,
)
from leadloop.delivery.calls import CallOutbox
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import SmtpSender
from leadloop.delivery.tokens import Tokens
from leadloop.inbox.applier import apply_once
from leadloop.inbox.relaying.due import run_due
from leadloop.inbox.relaying.relay import Relay
from leadloop.inbox.turns.ahead import TurnsAhead
from leadloop.inbox.turns.turn import EMAIL_PROVIDER
from leadloop.inbox.turns.woken import WokenJourneys
from leadloop.settings import Endpoint
from leadloop.storage.environment import Environment
from tests.factories import TEMPLATES, make_environment, make_publication, make_workspace
from tests.inbox.driver import mark_sent, report
from tests.inbox.played import plan_of
from workflows.journey import JourneyWorkflow

WORKSPACE = "acme"
LAYOUT = "<html><body>{{ content }}<a href='{{ unsubscribe_url }}'>停止</a></body></html>"
SANDBOXED = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules("leadloop", "pydantic")
)
UNSANDBOXED = UnsandboxedWorkflowRunner()
MOST_CACHED: int | None = None
"""Of `pytest --max-cached-workflows`: limits the cache of every worker here."""


class ServerClock:
    """Scenario time is the test server's: `now` is the latest instant that anybody heard of."""

    warped = False

    def __init__(self, start: datetime) -> None:
        self._latest = start
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self._latest

    def at(self, real: datetime) -> datetime:
        with self._lock:
            self._latest = max(self._latest, real)
        return real

    def real_seconds(self, scenario: timedelta) -> float:
        return scenario.total_seconds()


def find_test_server() -> str | None:
    """Return the time-skipping server's program: beside the interpreter, else on PATH."""
    beside = Path(sys.executable).parent / "temporal-test-server"
    return str(beside) if beside.exists() else shutil.which("temporal-test-server")


@asynccontextmanager
async def time_skipping_server() -> AsyncIterator[WorkflowEnvironment]:
    """Run a server whose time passes only where a test sleeps on it."""
    server = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=find_test_server(), data_converter=pydantic_data_converter
    )
    async with server:
        yield server


async def connected(address: str) -> Client:
    """Return a client of a dev server that may be starting yet."""
    for _ in range(100):
        try:
            return await connect(address)
        except ConnectionFailedError:
            await asyncio.sleep(0.1)
    return await connect(address)


class FakeEmail:
    """Stands in for the mail server where a test is not about mail; counts what it hands over."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._turns = TurnsAhead(env)
        self.sent: list[str] = []
        self.away = False
        """Whether the server takes nothing: every attempt is tried again."""

    @activity.defn(name=SEND_MESSAGE)
    def send_message(self, request: SendRequest) -> SendReply:
        if self.away:
            raise ApplicationError("connection_failed", type="RetryLater")
        began = time.monotonic()
        mark_sent(self._env, request.message_id)
        self.sent.append(request.message_id)
        return SendReply(status="sent", turn=following_turn(self._turns, request, began))


@asynccontextmanager
async def running_workers(
    env: Environment,
    client: Client,
    email: FakeEmail | Outbox,
    calls: CallOutbox | None = None,
    *,
    runner: WorkflowRunner = SANDBOXED,
    max_cached_workflows: int = 1000,
    searchable: bool = False,
) -> AsyncIterator[None]:
    """Run the workers that `worker.py` runs, without its services."""
    journeys, ahead = JourneyActivities(env, searchable=searchable), TurnsAhead(env, searchable)
    integrations = IntegrationActivities(calls or CallOutbox(env), ahead)
    sender = EmailActivities(email, ahead) if isinstance(email, Outbox) else email
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(8))
        await stack.enter_async_context(
            Worker(
                client,
                task_queue=journeys_queue(WORKSPACE),
                workflows=[JourneyWorkflow],
                activities=[journeys.take_turn],
                activity_executor=threads,
                interceptors=[LogContext()],
                workflow_runner=runner,
                max_cached_workflows=max_cached_workflows if MOST_CACHED is None else MOST_CACHED,
            )
        )
        await stack.enter_async_context(
            Worker(
                client,
                task_queue=email_queue(WORKSPACE, EMAIL_PROVIDER),
                activities=[sender.send_message],
                activity_executor=threads,
                interceptors=[LogContext()],
            )
        )
        await stack.enter_async_context(
            Worker(
                client,
                task_queue=integrations_queue(WORKSPACE),
                activities=[integrations.make_call],
                activity_executor=threads,
                interceptors=[LogContext()],
            )
        )
        yield


@dataclass
class Bench:
    """A server, an environment on its time, and the services, run by hand."""

    server: WorkflowEnvironment
    env: Environment
    clock: ServerClock
    email: FakeEmail
    woken: WokenJourneys = field(init=False)

    def __post_init__(self) -> None:
        self.woken = WokenJourneys(TurnsAhead(self.env))

    @property
    def client(self) -> Client:
        return self.server.client

    async def serve(self) -> int:
        """Run applier, due rows and relay once; return how many wakes were sent."""
        self.clock.at(await self.server.get_current_time())
        await asyncio.to_thread(apply_once, self.env, self.woken)
        await asyncio.to_thread(run_due, self.env)
        return await Relay(self.env, self.client, WORKSPACE, woken=self.woken).run_once()

    async def skip(self, **units: float) -> None:
        """Let time pass on the server, then serve."""
        await self.server.sleep(timedelta(**units))
        await self.serve()

    def journey(self, enrolment_id: str) -> WorkflowHandle[JourneyWorkflow, JourneyResult]:
        return self.client.get_workflow_handle(journey_workflow_id(enrolment_id), result_type=JourneyResult)

    async def status(self, enrolment_id: str) -> WorkflowExecutionStatus | None:
        return (await self.journey(enrolment_id).describe()).status

    async def until(self, reached: Callable[[], bool]) -> None:
        """Serve until a condition holds. Fails after ten real seconds."""
        for _ in range(200):
            await self.serve()
            if reached():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the journey did not get there")

    async def until_asleep(self, enrolment_id: str) -> None:
        """Wait until the journey's workflow has set its timer. The test server's time can stand still for
        ever after a workflow is terminated in the middle of a task."""
        await self.until_history(
            enrolment_id, lambda events: events[-1].HasField("timer_started_event_attributes")
        )

    async def until_history(
        self, enrolment_id: str, reached: Callable[[Sequence[Any]], bool]
    ) -> Sequence[Any]:
        """Wait until a condition on the events of the journey's workflow holds; return them."""
        for _ in range(200):
            events = (await self.journey(enrolment_id).fetch_history()).events
            if reached(events):
                return events
            await asyncio.sleep(0.02)
        raise AssertionError("the workflow did not get there")

    async def until_closed(self, enrolment_id: str) -> WorkflowExecutionStatus:
        """Serve until the journey's workflow is closed; return how."""
        for _ in range(200):
            await self.serve()
            status = await self.status(enrolment_id)
            if status is not None and status != WorkflowExecutionStatus.RUNNING:
                return status
            await asyncio.sleep(0.02)
        raise AssertionError("the workflow did not close")


async def bench_of(server: WorkflowEnvironment, folder: Path, *steps: Any, **workspace: Any) -> Bench:
    """Return a bench with a scenario of these steps, which one lead enters; its mails can be rendered."""
    clock = ServerClock(await server.get_current_time())
    publication = make_publication(
        plans={"play": plan_of(*steps, topic="nurture")},
        workspace=make_workspace(**workspace),
        templates={**TEMPLATES, "layouts/default.ja.html.j2": LAYOUT},
    )
    env = make_environment(folder, publication, clock=clock)
    report(
        env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"},
        identity={"consent": True}, source="form", trust="verified",
    )  # fmt: skip
    return Bench(server, env, clock, FakeEmail(env))


def outbox_to(env: Environment, renderer: Renderer, sender: SmtpSender) -> Outbox:
    """Return an outbox that hands mails to a real mail server."""
    return Outbox(env, renderer, sender, Tokens(env.keys), "https://leadloop.example/")


def calls_to(env: Environment, url: str) -> CallOutbox:
    """Return an outbox that makes the calls of `crm`."""
    return CallOutbox(env, webhooks={"crm": Endpoint.model_validate({"url": url})})
