"""Runs the workers of one workspace against an existing Temporal service and database.

    python worker.py

Composition only: settings, clients, activities and services come together here.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.email import EmailActivities
from activities.integrations import IntegrationActivities
from activities.journey import JourneyActivities
from leadloop import __version__
from leadloop.cli.failures import explain
from leadloop.clock import RealClock
from leadloop.connection import connect
from leadloop.contracts import email_queue, integrations_queue, journeys_queue
from leadloop.delivery.calls import CallOutbox
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import SmtpSender
from leadloop.delivery.tokens import Tokens
from leadloop.failpoints import failpoint
from leadloop.inbox.services import run_services
from leadloop.inbox.turn import EMAIL_PROVIDER
from leadloop.keys import Keys
from leadloop.settings import Settings
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import check_schema
from leadloop.storage.publications import PublicationStore
from workflows.journey import JourneyWorkflow

JOURNEY_THREADS = 4
JOURNEYS_AT_ONCE = 4
"""Workflow tasks taken from the server at a time: the rest queue there, where they do not time out."""
EMAIL_THREADS = 4
INTEGRATION_THREADS = 4
GRACE = timedelta(seconds=30)
"""How long a stopping worker lets a send finish."""
BUILD_ID = f"leadloop-{__version__}"
"""Named, because the SDK's default reads and compiles every loaded module again: seconds."""
STICKY = timedelta(seconds=2)
"""How long a journey waits for a killed worker before another takes it over."""


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


@asynccontextmanager
async def running_engine(
    env: Environment,
    client: Client,
    outbox: Outbox,
    calls: CallOutbox | None = None,
    *,
    max_cached_workflows: int = 1000,
) -> AsyncIterator[None]:
    """Run the workers and services of the published workspace while the block runs.

    Without `calls` outside calls are noted and go nowhere.
    """
    workspace = env.publications.current().publication.workspace.name
    journeys, emails = JourneyActivities(env), EmailActivities(outbox)
    calls = calls or CallOutbox(env)
    integrations = IntegrationActivities(calls)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.callback(calls.close)
        journey_threads = stack.enter_context(ThreadPoolExecutor(JOURNEY_THREADS, "journeys"))
        integration_threads = stack.enter_context(ThreadPoolExecutor(INTEGRATION_THREADS, "integrations"))
        email_threads = stack.enter_context(ThreadPoolExecutor(EMAIL_THREADS, "email"))
        await stack.enter_async_context(
            Worker(
                client,
                task_queue=journeys_queue(workspace),
                workflows=[JourneyWorkflow],
                activities=[journeys.take_turn],
                activity_executor=journey_threads,
                # The workflow holds no logic; tests run it in the sandbox, which costs more than it does.
                workflow_runner=UnsandboxedWorkflowRunner(),
                max_cached_workflows=max_cached_workflows,
                max_concurrent_workflow_tasks=JOURNEYS_AT_ONCE,
                max_concurrent_local_activities=JOURNEY_THREADS,
                sticky_queue_schedule_to_start_timeout=STICKY,
                graceful_shutdown_timeout=GRACE,
                build_id=BUILD_ID,
            )
        )
        await stack.enter_async_context(
            Worker(
                client,
                task_queue=email_queue(workspace, EMAIL_PROVIDER),
                activities=[emails.send_message],
                activity_executor=email_threads,
                max_concurrent_activities=EMAIL_THREADS,
                graceful_shutdown_timeout=GRACE,
                build_id=BUILD_ID,
            )
        )
        await stack.enter_async_context(
            Worker(
                client,
                task_queue=integrations_queue(workspace),
                activities=[integrations.make_call],
                activity_executor=integration_threads,
                max_concurrent_activities=INTEGRATION_THREADS,
                graceful_shutdown_timeout=GRACE,
                build_id=BUILD_ID,
            )
        )
        services = asyncio.create_task(run_services(env, client, workspace, stop))
        try:
            yield
        finally:
            stop.set()
            await services


async def run(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM; a send in progress may finish."""
    env = make_environment(settings)
    try:
        check_schema(env.database)
        env.publications.current()
        stopped = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stopped.set)
        with Renderer() as renderer:
            outbox, calls = make_outbox(env, settings, renderer), make_calls(env, settings, renderer)
            async with running_engine(env, await connect(), outbox, calls):
                print("leadloop worker is running; stop it with Ctrl-C", flush=True)
                await stopped.wait()
    finally:
        env.database.close()


def main() -> int:
    """Run the command; return its exit code."""
    argparse.ArgumentParser(
        prog="worker.py",
        description="Run leadloop's workers against an existing Temporal service and database. "
        "Settings come from LEADLOOP_* and TEMPORAL_*.",
    ).parse_args()
    try:
        asyncio.run(run(Settings()))
    except Exception as error:
        explanation = explain(error)
        if explanation is None:
            raise
        print(f"worker.py: {explanation}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
