"""What Temporal's own pages, searches and limits see of a journey, on a real dev server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributeKey

from leadloop.cli.logs import ContextFormatter
from leadloop.clock import RealClock
from leadloop.connection import are_attributes_registered
from leadloop.contracts import SEARCH_ATTRIBUTES, WAKE_SIGNAL, WakeSignal, journey_workflow_id
from leadloop.embedded.temporal_server import find_program
from leadloop.inbox.applier import apply_once
from leadloop.inbox.relaying.relay import Relay
from leadloop.inbox.turns.ahead import TurnsAhead
from leadloop.inbox.turns.editions import apply_edition, run_editions
from leadloop.inbox.turns.woken import WokenJourneys
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.publications import publish
from leadloop.storage.tables import Enrolment
from tests.factories import make_environment, make_publication
from tests.inbox.driver import journeys, report
from tests.inbox.played import plan_of, rest
from tests.kill.engine import dev_server
from tests.temporal_env import UNSANDBOXED, WORKSPACE, FakeEmail, connected, running_workers

KEYWORDS = [f"--search-attribute={name}=Keyword" for name in SEARCH_ATTRIBUTES]
LIMIT = 40
"""Events after which this server asks a workflow to continue as new."""
T = EventType


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    find_program()
    limit = f"--dynamic-config-value=limit.historyCount.suggestContinueAsNew={LIMIT}"
    with dev_server(tmp_path_factory.mktemp("temporal"), *KEYWORDS, limit) as address:
        yield address


@pytest.fixture(scope="module")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on which nobody registered anything."""
    with dev_server(tmp_path_factory.mktemp("plain")) as address:
        yield address


class Live:
    """An environment on real time with the services run by hand."""

    def __init__(self, env: Environment, client: Client, searchable: bool) -> None:
        self.env, self.client = env, client
        self.woken = WokenJourneys(TurnsAhead(env, searchable))
        self.relay = Relay(env, client, WORKSPACE, searchable, self.woken)

    async def enter(self) -> Enrolment:
        report(
            self.env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"},
            identity={"family_name": "山田", "consent": True}, source="form", trust="verified",
        )  # fmt: skip
        await self.until(lambda: self.row.next.get("kind") == "wait")
        return self.row

    @property
    def row(self) -> Enrolment:
        (row,) = journeys(self.env) or [Enrolment(next={})]  # type: ignore[call-arg]
        return row

    @property
    def journey(self) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(journey_workflow_id(self.row.id))

    async def until(self, reached: Callable[[], bool]) -> None:
        for _ in range(600):
            await asyncio.to_thread(apply_once, self.env, self.woken)
            await self.relay.run_once()
            if reached():
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the journey did not get there")

    async def until_history(self, kind: int, run_id: str | None = None) -> list[Any]:
        """Wait until the journey's history has an event of a kind; return it."""
        handle = self.client.get_workflow_handle(journey_workflow_id(self.row.id), run_id=run_id)
        for _ in range(600):
            events = list((await handle.fetch_history()).events)
            if any(event.event_type == kind for event in events):
                return events
            await asyncio.sleep(0.05)
        raise AssertionError(f"no event {T.Name(kind)}")  # type: ignore[arg-type]

    async def attributes(self) -> dict[str, str]:
        found = (await self.journey.describe()).typed_search_attributes
        keys = {name: SearchAttributeKey.for_keyword(name) for name in SEARCH_ATTRIBUTES}
        return {name: value for name, key in keys.items() if (value := found.get(key)) is not None}


@asynccontextmanager
async def _live(
    address: str, folder: Path, *steps: Any, searchable: bool = True, cached: int = 1000
) -> AsyncIterator[Live]:
    publication = make_publication(plans={"play": plan_of(*steps)}) if steps else make_publication()
    env = make_environment(folder, publication, RealClock())
    client = await connected(address)
    try:
        async with running_workers(
            env,
            client,
            FakeEmail(env),
            runner=UNSANDBOXED,
            searchable=searchable,
            max_cached_workflows=cached,
        ):
            yield Live(env, client, searchable)
    finally:
        await _terminate(client)
        env.database.close()


async def _terminate(client: Client) -> None:
    """End what a test left, so that the next one's worker does not get it."""
    async for one in client.list_workflows("ExecutionStatus = 'Running'"):
        await client.get_workflow_handle(one.id).terminate()


def _text(payload: Payload) -> str:
    return payload.data.decode().strip('"')


SENT_AND_WAITING = [
    T.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    T.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    T.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    T.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    T.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    T.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    T.EVENT_TYPE_ACTIVITY_TASK_STARTED,
    T.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    T.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    T.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    T.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    T.EVENT_TYPE_TIMER_STARTED,
]
"""A mail and a wait: nothing of this is for the pages alone."""


async def test_pages_say_where_a_journey_is_without_an_event_of_their_own(
    server: str, tmp_path: Path
) -> None:
    async with _live(server, tmp_path) as live:
        row = await live.enter()
        events = await live.until_history(T.EVENT_TYPE_TIMER_STARTED)
        described = await live.journey.describe()
        metadata: WorkflowMetadata = await live.journey.query(
            "__temporal_workflow_metadata", result_type=WorkflowMetadata
        )
        details = await described.static_details()
        assert await described.static_summary() == "whitepaper-nurture"
    by_kind = {event.event_type: event for event in events}
    assert [event.event_type for event in events] == SENT_AND_WAITING
    assert row.lead_id in (details or "")
    send = by_kind[T.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED].user_metadata.summary
    timer = by_kind[T.EVENT_TYPE_TIMER_STARTED].user_metadata.summary
    until = f"until {row.due_at:%Y-%m-%d %H:%M} UTC"
    assert _text(send) == "thanks: send"
    assert _text(timer) == f"read: waits for email_clicked {until}"
    assert metadata.current_details == (
        f"`whitepaper-nurture` version `{row.plan_digest[:12]}`, step `read`, turn 2: "
        f"waits for email_clicked {until}."
    )


async def test_search_attributes_are_set_at_start_and_follow_the_version(server: str, tmp_path: Path) -> None:
    async with _live(server, tmp_path, rest(days=10)) as live:
        assert await are_attributes_registered(live.client)
        row = await live.enter()
        expected = {"Scenario": "play", "ScenarioVersion": row.plan_digest[:12], "LeadId": row.lead_id}
        assert await live.attributes() == expected
        await live.until_history(T.EVENT_TYPE_TIMER_STARTED)
        newest = plan_of(rest(days=20)).model_copy(update={"on_edit": p.OnEdit(default="move")})
        _edit(live.env, newest)
        await live.until(lambda: live.row.turn_no == 2)
        await live.until_history(T.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
        assert live.row.plan_digest != row.plan_digest
        assert await live.attributes() == {**expected, "ScenarioVersion": live.row.plan_digest[:12]}
        events = (await live.journey.fetch_history()).events
    upserts = [e for e in events if e.event_type == T.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES]
    assert len(upserts) == 1


def _edit(env: Environment, plan: p.Plan) -> None:
    with env.database.write() as session:
        old = env.publications.current(session)
        publish(session, make_publication(plans={"play": plan}), "tests", env.clock.now())
        apply_edition(session, env, old, env.publications.current(session), env.clock.now())
    assert run_editions(env) == 1


async def test_attributes_missing_are_found_and_said_once(plain_server: str) -> None:
    client = await connected(plain_server)
    with capture_logs() as logs:
        assert not await are_attributes_registered(client)
    assert [(line["event"], line["missing"]) for line in logs] == [
        ("search_attributes_missing", list(SEARCH_ATTRIBUTES))
    ]


async def test_relay_starts_journeys_where_the_attributes_are_refused(
    plain_server: str, tmp_path: Path
) -> None:
    async with _live(plain_server, tmp_path, rest(days=10), searchable=False) as live:
        live.relay.searchable = True  # they were registered when this process started
        with capture_logs() as logs:
            await live.enter()
            await live.journey.signal(WAKE_SIGNAL, WakeSignal())
        assert await live.attributes() == {}
    refused = [line for line in logs if line["event"] == "search_attributes_refused"]
    assert len(refused) == 1
    assert live.relay.searchable is False


@pytest.mark.parametrize("cached", [1000, 0], ids=["cached", "replaying"])
async def test_journey_continues_as_new_when_the_server_suggests_it(
    server: str, tmp_path: Path, cached: int
) -> None:
    async with _live(server, tmp_path, rest(days=10), cached=cached) as live:
        row = await live.enter()
        first = (await live.journey.describe()).run_id
        for _ in range(60):
            await live.journey.signal(WAKE_SIGNAL, WakeSignal())
            await asyncio.sleep(0.05)
            if (await live.journey.describe()).run_id != first:
                break
        old = await live.until_history(T.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW, first)
        described = await live.journey.describe()
        await live.until_history(T.EVENT_TYPE_TIMER_STARTED, described.run_id)
        assert described.run_id != first
        assert (await live.attributes())["LeadId"] == row.lead_id
        assert live.row.turn_no == 1
    assert LIMIT <= len(old) < 2 * LIMIT  # far from the number of turns that ends a run by itself


class _Lines(logging.Handler):
    """Keeps the lines as `worker.py` writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(ContextFormatter("%(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


async def test_log_lines_carry_the_journey_and_its_turn(server: str, tmp_path: Path) -> None:
    handler = _Lines()
    logging.getLogger("temporalio.workflow").addHandler(handler)
    try:
        async with _live(server, tmp_path, rest(days=10)) as live:
            await live.enter()
            await live.until_history(T.EVENT_TYPE_TIMER_STARTED)
            journey = live.journey
            with capture_logs(processors=[merge_contextvars]) as logs:
                with live.env.database.engine.begin() as connection:
                    connection.exec_driver_sql("ALTER TABLE enrolment RENAME TO enrolment_away")
                await journey.signal(WAKE_SIGNAL, WakeSignal())
                for _ in range(200):
                    if handler.lines:
                        break
                    await asyncio.sleep(0.05)
                with live.env.database.engine.begin() as connection:
                    connection.exec_driver_sql("ALTER TABLE enrolment_away RENAME TO enrolment")
            row = live.row
    finally:
        logging.getLogger("temporalio.workflow").removeHandler(handler)
    failed = [line for line in logs if line["event"] == "activity_failed"]
    assert {(line["enrolment_id"], line["turn"]) for line in failed} == {(row.id, 2)}
    assert handler.lines[0].startswith("a turn is asked for through the server")
    assert handler.lines[0].endswith(f" enrolment_id={row.id} turn=2")
