"""A real engine in this process: dev server, mail server, SQLite file, workers and services."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import Envelope
from aiosmtpd.smtp import Session as SmtpSession
from sqlmodel import col, select
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from leadloop.clock import RealClock
from leadloop.connection import ConnectionFailedError, connect
from leadloop.contracts import journey_workflow_id
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import SmtpSender
from leadloop.delivery.tokens import Tokens
from leadloop.keys import Keys
from leadloop.language.plan import Publication
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import upgrade
from leadloop.storage.publications import PublicationStore, publish
from leadloop.storage.tables import Enrolment, Event, Message, Wake
from tests.factories import SECRET, TEMPLATES, make_publication, make_workspace
from tests.inbox.driver import ask_for_the_paper, click_all
from tests.kill.engine import LAYOUT, SlowSink, dev_server
from worker import running_engine

_PATIENCE = 60.0


class Sink(SlowSink):
    """The mail server, which can be told to keep its answers back."""

    def __init__(self) -> None:
        self._answers = threading.Event()
        self._answers.set()
        self.waiting = 0
        super().__init__()

    def hold(self) -> None:
        self._answers.clear()

    def let_go(self) -> None:
        self._answers.set()

    async def handle_DATA(self, server: Any, session: SmtpSession, envelope: Envelope) -> str:
        self.waiting += 1
        await asyncio.to_thread(self._answers.wait)
        return await super().handle_DATA(server, session, envelope)


def small_publication(workspace: str, **parts: Any) -> Publication:
    """Return the small workspace under a name of its own, with mails that can be rendered."""
    templates = {**TEMPLATES, "layouts/default.ja.html.j2": LAYOUT}
    return make_publication(**({"workspace": make_workspace(name=workspace), "templates": templates} | parts))


class World:
    """One installation. Its database can be copied and put back, its engine started and stopped."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.folder = folder
        self.sink = sink
        self.workspace = f"acme-{sink.port}"
        self.env = self._open()
        upgrade(self.env.database)
        self.publish(small_publication(self.workspace))

    def publish(self, publication: Publication) -> None:
        with self.env.database.write() as session:
            publish(session, publication, "tests", RealClock().now())

    def _open(self) -> Environment:
        database = Database(f"sqlite:///{self.folder / 'leadloop.db'}")
        return Environment(database, RealClock(), Keys(SECRET), PublicationStore(database))

    def back_up(self) -> None:
        """Copy the database as it is, with what SQLite has not yet moved out of its log."""
        with self.env.database.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql(f"VACUUM INTO '{self.folder / 'backup.db'}'")

    def restore(self) -> None:
        """Put the copy in the database's place. The engine must be stopped."""
        self.env.database.close()
        for left in self.folder.glob("leadloop.db*"):
            left.unlink()
        shutil.copy(self.folder / "backup.db", self.folder / "leadloop.db")
        self.env = self._open()

    @asynccontextmanager
    async def running(self, address: str) -> AsyncIterator[Client]:
        """Run workers and services against a Temporal service."""
        client = await connect_soon(address)
        with Renderer() as renderer:
            sender = SmtpSender("127.0.0.1", self.sink.port, security="none")
            outbox = Outbox(self.env, renderer, sender, Tokens(self.env.keys), "http://127.0.0.1:9")
            async with running_engine(self.env, client, outbox):
                yield client

    def enter(self, *names: str) -> None:
        """Let people ask for the paper."""
        ask_for_the_paper(self.env, *names)

    def click_all(self) -> None:
        """Every lead whose first mail is known clicks it."""
        click_all(self.env, once=False)

    def journeys(self) -> list[Enrolment]:
        with self.env.database.read() as session:
            return list(session.exec(select(Enrolment).order_by(col(Enrolment.id))).all())

    def mails(self) -> list[Message]:
        with self.env.database.read() as session:
            return list(session.exec(select(Message).order_by(col(Message.id))).all())

    def all_wait(self) -> bool:
        return all(row.next.get("kind") == "wait" for row in self.journeys())

    def all_ended(self) -> bool:
        return all(row.next.get("kind") == "end" for row in self.journeys())

    def all_applied(self) -> bool:
        with self.env.database.read() as session:
            return session.exec(select(Event.id).where(col(Event.applied_at).is_(None))).first() is None

    def no_wakes(self) -> bool:
        with self.env.database.read() as session:
            return session.exec(select(Wake.enrolment_id)).first() is None

    def delivered(self) -> int:
        """Return how many mails the mail server took."""
        return sum(self.sink.received.values())


async def connect_soon(address: str) -> Client:
    """Connect to a server that was started a moment ago."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            client = await connect(address)
            await client.count_workflows("WorkflowId = 'probe'")
            return client
        except (ConnectionFailedError, RPCError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


async def until(reached: Callable[[], bool], what: str) -> None:
    """Wait for a condition. Raises `AssertionError` after a generous time."""
    for _ in range(int(_PATIENCE / 0.05)):
        if await asyncio.to_thread(reached):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not in {_PATIENCE:g} s: {what}")


async def workflow_status(client: Client, enrolment_id: str) -> WorkflowExecutionStatus | None:
    return (await client.get_workflow_handle(journey_workflow_id(enrolment_id)).describe()).status


async def delete_workflow(client: Client, enrolment_id: str) -> None:
    """Delete a journey's workflow with its history, and wait until it is gone."""
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=journey_workflow_id(enrolment_id)),
        )
    )
    for _ in range(600):
        try:
            await workflow_status(client, enrolment_id)
        except RPCError:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the workflow was not deleted")


@contextmanager
def new_temporal(folder: Path, name: str) -> Iterator[str]:
    """Run a dev server on a new database file; yield its address."""
    (folder / name).mkdir()
    with dev_server(folder / name) as address:
        yield address
