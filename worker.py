"""Runs the workers of one workspace against an existing Temporal service and database.

    python worker.py [--run journeys email integrations services]

Composition only: settings, clients, activities and services come together here. Each kind of work may
run in processes of its own, as many as it needs: their task queues and the database share it out.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from activities.counting import Counting
from activities.email import EmailActivities
from activities.integrations import IntegrationActivities
from activities.journey import JourneyActivities
from activities.log_context import LogContext
from leadloop import __version__
from leadloop.cli.failures import explain
from leadloop.cli.logs import start_logs
from leadloop.clock import RealClock
from leadloop.connection import are_attributes_registered, connect
from leadloop.contracts import email_queue, integrations_queue, journeys_queue
from leadloop.delivery.calls import CallOutbox
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import SmtpSender
from leadloop.delivery.tokens import Tokens
from leadloop.failpoints import failpoint
from leadloop.garbage import freeze_what_is_loaded
from leadloop.inbox.monitoring.engine_metrics import EngineMetrics
from leadloop.inbox.pruning.retention import retention_of
from leadloop.inbox.recovery.watermark import WatermarkKeeper
from leadloop.inbox.services import run_presence, run_services
from leadloop.inbox.turns.ahead import TurnsAhead
from leadloop.inbox.turns.turn import EMAIL_PROVIDER
from leadloop.keys import Keys
from leadloop.settings import Settings
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import check_schema
from leadloop.storage.publications import PublicationStore
from leadloop.storage.secret import note_secret
from workflows.journey import JourneyWorkflow
from workflows.watermark import WatermarkWorkflow

JOURNEYS_CACHED = 200
"""Journeys kept ready in memory, 80 kB each. They wait for days: a larger cache holds few that are at work,
and the garbage collector goes through all of them."""
JOURNEY_THREADS = 4
SQLITE_JOURNEY_THREADS = 2
"""On SQLite one turn is written at a time: more threads only take the interpreter from one another."""
JOURNEYS_AT_ONCE = 16
"""Workflow tasks taken from the server at a time, several for each thread: while one waits for its turn's
transaction, others are fetched and answered. The rest queue at the server, where they do not time out."""
EMAIL_THREADS = 4
INTEGRATION_THREADS = 4
GRACE = timedelta(seconds=30)
"""How long a stopping worker lets a send finish."""
BUILD_ID = f"leadloop-{__version__}"
"""Named, because the SDK's default reads and compiles every loaded module again: seconds."""
STICKY = timedelta(seconds=1)
"""How long a journey waits for a killed worker before another takes it over."""
JOURNEYS, EMAIL, INTEGRATIONS, SERVICES = "journeys", "email", "integrations", "services"
ALL = (JOURNEYS, EMAIL, INTEGRATIONS, SERVICES)
"""The kinds of work that a process may run; together they are everything."""


def make_environment(settings: Settings) -> Environment:
    """Return the environment that the settings describe."""
    database = Database(settings.database_address())
    return Environment(
        database=database,
        clock=RealClock(),
        keys=Keys(settings.secret_bytes()),
        publications=PublicationStore(database),
        fail=failpoint(settings.fail_at),
    )


def make_outbox(env: Environment, settings: Settings, renderer: Renderer) -> Outbox:
    """Return the outbox that hands mail to the configured SMTP server."""
    sender = SmtpSender(
        settings.smtp_host,
        settings.smtp_port,
        security=settings.smtp_security,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
    )
    public_url = settings.public_url or f"http://{settings.host}:{settings.port}"
    return Outbox(env, renderer, sender, Tokens(env.keys), public_url, failpoint(settings.fail_at))


def make_calls(env: Environment, settings: Settings, renderer: Renderer) -> CallOutbox:
    """Return the outbox of outside calls, with the addresses of the settings."""
    return CallOutbox(env, renderer, settings.webhooks, settings.slack)


def deployment(settings: Settings) -> WorkerDeploymentConfig | None:
    """Return how Temporal tells this build from others; None without the settings for it.

    AUTO_UPGRADE: a journey moves to the current build in its next workflow task. Pinned to a build,
    journeys that wait for months would keep it alive for months.
    """
    if settings.deployment_name is None or settings.worker_build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.deployment_name, settings.worker_build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


@dataclass(frozen=True)
class Shared:
    """What all workers of a process share."""

    client: Client
    workspace: str
    deployment: WorkerDeploymentConfig | None = None
    counting: Counting = field(default_factory=lambda: Counting(CollectorRegistry()))

    @property
    def build(self) -> str:
        """Return the id of this build."""
        return self.deployment.version.build_id if self.deployment else BUILD_ID

    def options(self) -> dict[str, Any]:
        """Return the options that every worker has."""
        build = {"deployment_config": self.deployment} if self.deployment else {"build_id": self.build}
        return {"interceptors": [LogContext(), self.counting], "graceful_shutdown_timeout": GRACE, **build}


def journeys_worker(
    shared: Shared,
    journeys: JourneyActivities,
    threads: ThreadPoolExecutor,
    *,
    at_once: int = JOURNEY_THREADS,
    max_cached_workflows: int,
) -> Worker:
    """Return the worker of journeys and their turns, of which `at_once` are taken at a time."""
    return Worker(
        shared.client,
        task_queue=journeys_queue(shared.workspace),
        workflows=[JourneyWorkflow, WatermarkWorkflow],
        activities=[journeys.take_turn],
        activity_executor=threads,
        # The workflow holds no logic; tests run it in the sandbox, which costs more than it does.
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=max_cached_workflows,
        max_concurrent_workflow_tasks=JOURNEYS_AT_ONCE,
        max_concurrent_local_activities=at_once,
        sticky_queue_schedule_to_start_timeout=STICKY,
        **shared.options(),
    )


def email_worker(
    shared: Shared,
    emails: EmailActivities,
    threads: ThreadPoolExecutor,
    provider: str,
    *,
    at_once: int = EMAIL_THREADS,
    per_second: float | None = None,
) -> Worker:
    """Return the worker that hands mail to one provider.

    `per_second` limits the provider's task queue: all its workers together, in every process.
    """
    return Worker(
        shared.client,
        task_queue=email_queue(shared.workspace, provider),
        activities=[emails.send_message],
        activity_executor=threads,
        max_concurrent_activities=at_once,
        max_task_queue_activities_per_second=per_second,
        **shared.options(),
    )


def integrations_worker(
    shared: Shared,
    integrations: IntegrationActivities,
    threads: ThreadPoolExecutor,
    *,
    per_second: float | None = None,
) -> Worker:
    """Return the worker of outside calls; `per_second` limits them over all processes."""
    return Worker(
        shared.client,
        task_queue=integrations_queue(shared.workspace),
        activities=[integrations.make_call],
        activity_executor=threads,
        max_concurrent_activities=INTEGRATION_THREADS,
        max_task_queue_activities_per_second=per_second,
        **shared.options(),
    )


@contextmanager
def serving_metrics(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    """Serve metrics at `/metrics` while the block runs. Raises `OSError` where the port is taken."""
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        problem = (
            f"metrics cannot be served at {host}:{port} ({error.strerror}): set another LEADLOOP_METRICS_PORT"
        )
        raise OSError(error.errno, problem) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@asynccontextmanager
async def running(workers: Sequence[Worker]) -> AsyncIterator[None]:
    """Run workers while the block runs. At its end all stop at once, so that they share one grace."""
    started: list[Worker] = []
    try:
        for worker in workers:
            await worker.__aenter__()
            started.append(worker)
        yield
    finally:
        ends = (worker.__aexit__(*sys.exc_info()) for worker in started)
        for outcome in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome


@asynccontextmanager
async def running_engine(
    env: Environment,
    client: Client,
    outbox: Outbox,
    calls: CallOutbox | None = None,
    *,
    run: Collection[str] = ALL,
    max_cached_workflows: int = JOURNEYS_CACHED,
    deployment: WorkerDeploymentConfig | None = None,
    settings: Settings | None = None,
) -> AsyncIterator[None]:
    """Run the workers and services of the published workspace while the block runs; `run` names which.

    Without `calls` outside calls are noted and go nowhere; without `settings` nobody is told of metrics
    and alerts, and nothing is pruned.
    """
    alerts_to = settings.alerts if settings is not None else None
    workspace = env.publications.current().publication.workspace.name
    searchable = await are_attributes_registered(client)
    calls = calls or CallOutbox(env)
    stop = asyncio.Event()
    registry = CollectorRegistry()
    shared = Shared(client, workspace, deployment, Counting(registry))
    async with AsyncExitStack() as stack:
        stack.callback(calls.close)
        if settings is not None and settings.metrics_port is not None:
            registry.register(EngineMetrics(env, shared.build))
            stack.enter_context(serving_metrics(registry, settings.metrics_host, settings.metrics_port))
        keeper = WatermarkKeeper(env, client, workspace)
        await keeper.look_first()  # no mail before it is known that this is the newest database

        def threads(kind: str, number: int) -> ThreadPoolExecutor:
            return stack.enter_context(ThreadPoolExecutor(number, kind))

        turns = TurnsAhead(env, searchable, shared.counting.count_turn)
        workers: list[Worker] = []
        if JOURNEYS in run:
            journeys = JourneyActivities(env, searchable=searchable)
            at_once = SQLITE_JOURNEY_THREADS if env.database.is_sqlite else JOURNEY_THREADS
            pool = threads(JOURNEYS, at_once)
            workers.append(
                journeys_worker(
                    shared, journeys, pool, at_once=at_once, max_cached_workflows=max_cached_workflows
                )
            )
        if EMAIL in run:
            emails, pool = EmailActivities(outbox, turns), threads(EMAIL, EMAIL_THREADS)
            rate = settings.mails_per_second if settings is not None else None
            workers.append(email_worker(shared, emails, pool, EMAIL_PROVIDER, per_second=rate))
        if INTEGRATIONS in run:
            integrations, pool = (
                IntegrationActivities(calls, turns),
                threads(INTEGRATIONS, INTEGRATION_THREADS),
            )
            rate = settings.calls_per_second if settings is not None else None
            workers.append(integrations_worker(shared, integrations, pool, per_second=rate))
        await stack.enter_async_context(running(workers))
        loops = [asyncio.create_task(run_presence(env, shared.build, stop))]
        if SERVICES in run:
            services = run_services(
                env,
                client,
                workspace,
                stop,
                searchable=searchable,
                turns=None if env.clock.warped else turns,  # an answer carries a real instant
                alerts_to=alerts_to,
                keeper=keeper,
                retention=retention_of(settings) if settings is not None else None,
            )
            loops.append(asyncio.create_task(services))
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*loops)


async def run(settings: Settings, kinds: Collection[str] = ALL) -> None:
    """Run kinds of work until SIGINT or SIGTERM; a send in progress may finish."""
    env = make_environment(settings)
    try:
        check_schema(env.database)
        note_secret(env)
        env.publications.current()
        stopped = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stopped.set)
        with Renderer() as renderer:
            outbox, calls = make_outbox(env, settings, renderer), make_calls(env, settings, renderer)
            port = settings.metrics_sdk_port
            client = await connect(metrics=f"{settings.metrics_host}:{port}" if port is not None else None)
            versions = deployment(settings)
            engine = running_engine(
                env, client, outbox, calls, run=kinds, deployment=versions, settings=settings
            )
            async with engine:
                freeze_what_is_loaded()
                print(f"leadloop worker is running ({', '.join(kinds)}); stop it with Ctrl-C", flush=True)
                await stopped.wait()
    finally:
        env.database.close()


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="worker.py",
        description="Run leadloop's workers against an existing Temporal service and database. "
        "Settings come from LEADLOOP_* and TEMPORAL_*.",
    )
    parser.add_argument(
        "--run",
        nargs="+",
        choices=ALL,
        default=ALL,
        metavar="KIND",
        help=f"what this process does, of {', '.join(ALL)}; by default everything. Somebody must do each.",
    )
    kinds = tuple(dict.fromkeys(parser.parse_args().run))
    try:
        start_logs()
        asyncio.run(run(Settings(), kinds))
    except Exception as error:
        explanation = explain(error)
        if explanation is None:
            raise
        print(f"worker.py: {explanation}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
