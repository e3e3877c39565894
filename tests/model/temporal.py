"""The real engine with its workflows, on the time-skipping server: one server and one set of workers for all
examples.

Scenario time stands where the test sets it; the server's time only has to pass far enough for the timers to
fire. A timer that fires early asks in vain and is set again, which is one more late or early wake to bear.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlmodel import col, delete, select
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.following import following_turn
from activities.journey import JourneyActivities
from leadloop.contracts import (
    MAKE_CALL,
    SEND_MESSAGE,
    TAKE_TURN,
    WAKE_SIGNAL,
    CallReply,
    CallRequest,
    Next,
    SendReply,
    SendRequest,
    TurnReply,
    TurnRequest,
    WakeSignal,
    email_queue,
    integrations_queue,
    journey_workflow_id,
    journeys_queue,
)
from leadloop.inbox.applier import apply_once
from leadloop.inbox.operations.sending import KILL_SWITCH, is_stopped
from leadloop.inbox.recovery.sweeper import sweep
from leadloop.inbox.relaying.relay import Relay
from leadloop.inbox.turns.ahead import TurnsAhead
from leadloop.inbox.turns.causes import cause_of
from leadloop.inbox.turns.turn import EMAIL_PROVIDER
from leadloop.inbox.turns.woken import WokenJourneys
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Call, CallStatus, Enrolment, Event, Message, MessageStatus, Wake
from tests import temporal_env
from tests.factories import ManualClock
from tests.inbox.driver import journeys
from tests.model.engine import WAITS, Engine
from tests.model.hazards import Killed, MortalDatabase
from tests.temporal_env import UNSANDBOXED, WORKSPACE, time_skipping_server
from workflows.journey import JourneyWorkflow

_T = TypeVar("_T")
_SLACK = timedelta(seconds=5)
"""The server's time passes while the test computes: so much more is skipped."""
_PATIENCE, _LOOK = 120.0, 0.01
_STUCK = 1.5
"""Seconds after which time passes again, or lost wakes are looked for."""


@dataclass
class Stage:
    """The server, its workers' activities, and the engine whose example is being played."""

    server: WorkflowEnvironment
    loop: asyncio.AbstractEventLoop
    engine: TemporalEngine | None = None

    @property
    def client(self) -> Client:
        return self.server.client

    def make_engine(
        self, database: MortalDatabase, publication: p.Publication, opted_in: bool
    ) -> TemporalEngine:
        """Make the engine of the next example."""
        return TemporalEngine(database, publication, opted_in, self)

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run something in the server's loop, from the test's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_PATIENCE)

    @activity.defn(name=TAKE_TURN, no_thread_cancel_exception=True)
    def take_turn(self, request: TurnRequest) -> TurnReply:
        engine = self.engine
        if engine is None or not engine.knows(request.enrolment_id):
            return TurnReply(status="superseded", turn_no=request.turn_no, next=Next(kind="end"))
        with self._mortal(engine):
            return engine.turns.take_turn(request)

    @activity.defn(name=SEND_MESSAGE, no_thread_cancel_exception=True)
    def send_message(self, request: SendRequest) -> SendReply:
        engine, began = self.engine, time.monotonic()
        assert engine is not None
        status = engine.hand_over(request.message_id, request.generation)
        if status == WAITS:
            raise ApplicationError(KILL_SWITCH)
        with self._mortal(engine):
            return SendReply(status=status, turn=following_turn(engine.ahead, request, began))

    @activity.defn(name=MAKE_CALL, no_thread_cancel_exception=True)
    def make_call(self, request: CallRequest) -> CallReply:
        engine, began = self.engine, time.monotonic()
        assert engine is not None
        status = engine.surviving(lambda: engine.calls.make(request.call_id, request.generation))
        with self._mortal(engine):
            return CallReply(status=status, turn=following_turn(engine.ahead, request, began))

    @contextmanager
    def _mortal(self, engine: Engine) -> Iterator[None]:
        """A process that dies does not answer; Temporal asks another one."""
        try:
            yield
        except Killed:
            engine.deaths += 1
            raise ApplicationError("killed", type="Killed") from None


@contextmanager
def running_stage() -> Iterator[Stage]:
    """Run a server and workers, in a loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="temporal", daemon=True)
    thread.start()
    running = _stage(loop)
    try:
        yield asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result(_PATIENCE)
    finally:
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result(_PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@asynccontextmanager
async def _stage(loop: asyncio.AbstractEventLoop) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(time_skipping_server())
        threads = stack.enter_context(ThreadPoolExecutor(8))
        one = Stage(server, loop)
        queues: list[tuple[str, list[Any], Callable[..., Any]]] = [
            (journeys_queue(WORKSPACE), [JourneyWorkflow], one.take_turn),
            (email_queue(WORKSPACE, EMAIL_PROVIDER), [], one.send_message),
            (integrations_queue(WORKSPACE), [], one.make_call),
        ]
        for queue, workflows, work in queues:
            worker = Worker(
                server.client,
                task_queue=queue,
                workflows=workflows,
                activities=[work],
                activity_executor=threads,
                workflow_runner=UNSANDBOXED,
                max_cached_workflows=1000 if temporal_env.MOST_CACHED is None else temporal_env.MOST_CACHED,
            )
            await stack.enter_async_context(worker)
        yield one


@dataclass(frozen=True)
class _OnServerTime(TurnsAhead):
    """Answers are as old as the server's time says, which is ahead of the test's clock."""

    server_time: Callable[[], datetime] = field(kw_only=True)

    def take(self, request: TurnRequest, patience: timedelta | None = None) -> TurnReply | None:
        if patience is not None:  # asked by the applier
            request = request.model_copy(update={"now": self.server_time()})
        return super().take(request, patience)


class TemporalEngine(Engine):
    """An engine whose turns are asked for by workflows, or taken ahead for them."""

    in_order = False

    def __init__(
        self, database: MortalDatabase, publication: p.Publication, opted_in: bool, on: Stage
    ) -> None:
        super().__init__(database, publication, opted_in)
        self.turns = JourneyActivities(self.env)
        self._stage = on
        self.ahead = _OnServerTime(self.env, server_time=lambda: on.run(on.server.get_current_time()))
        self._woken = WokenJourneys(self.ahead)
        self._relay = Relay(self.env, on.client, WORKSPACE, woken=self._woken)
        self._lose_wakes = False
        self._sweeps = 0
        on.engine = self

    def knows(self, enrolment_id: str) -> bool:
        """Return whether a journey is one of this example."""
        with self.database.read() as session:
            return session.get(Enrolment, enrolment_id) is not None

    def apply(self, env: Environment) -> int:
        return apply_once(env, self._woken)

    # --- time and rest

    def advance(self, to: datetime) -> None:
        skipped = to - self.clock.now() + _SLACK
        super().advance(to)
        self._stage.run(self._stage.server.sleep(skipped))

    def rest(self) -> None:
        """Serve until every workflow has done what it can; wait for what they do."""
        began = looked = time.monotonic()
        seen = -1
        while True:
            if self.database.changes != seen:
                seen = self.database.changes
                if not self._serve() and self._is_at_rest():
                    return
            time.sleep(_LOOK)
            now = time.monotonic()
            assert now - began < _PATIENCE, "the workflows do not come to rest"
            if now - looked > _STUCK:  # a timer that was set late, or a wake that was lost
                looked, seen = now, -1
                self._stage.run(self._stage.server.sleep(timedelta(days=400)))
                self._sweep()

    def rebuild(self) -> None:
        self._until_asleep()
        super().rebuild()

    def _sweep(self) -> None:
        """Let the sweeper find what stands still; for it much time has passed."""
        self._sweeps += 1
        later = ManualClock(self.clock.now() + timedelta(days=self._sweeps))
        self.surviving(lambda: sweep(replace(self.env, clock=later)))

    def lose_wakes(self) -> None:
        """Lose what the relay sends next."""
        self._lose_wakes = True

    def confuse(self) -> None:
        super().confuse()
        for one in journeys(self.env):
            for _ in range(2):
                self._wake(one.id)

    def close(self) -> None:
        """Let the workflows that wait end, so that they do not meet the next example."""
        known = [one.id for one in journeys(self.env)]
        self._stage.engine = None
        for enrolment_id in known:
            self._wake(enrolment_id)
        super().close()

    def _wake(self, enrolment_id: str) -> None:
        handle = self._stage.client.get_workflow_handle(journey_workflow_id(enrolment_id))
        with suppress(RPCError):  # it has ended
            self._stage.run(handle.signal(WAKE_SIGNAL, WakeSignal()))

    def _serve(self) -> int:
        moved = self.serve()
        if self._lose_wakes:
            self._lose_wakes = not self.surviving(self._lose)
        return moved + self._relayed()

    def _lose(self) -> int:
        with self.database.read() as session:
            asked_for = len(session.exec(select(Wake)).all())
        with self.database.write() as session:
            session.exec(delete(Wake))
        return asked_for

    def _relayed(self) -> int:
        """Send wakes; a relay that dies after a wake, before it wrote that down, sends it again."""
        try:
            return self._stage.run(self._relay.run_once())
        except Killed:
            self.deaths += 1
            return 1

    def _is_at_rest(self) -> bool:
        with self.database.read() as session:
            pending = select(Event.id).where(col(Event.applied_at).is_(None))
            if session.exec(pending).first() or session.exec(select(Wake)).first():
                return False
            for one in session.exec(select(Enrolment)).all():
                if cause_of(session, one, self.clock.now()) is not None:
                    return False
            unsent = select(Message.id).where(
                col(Message.status).in_((MessageStatus.NEW, MessageStatus.SENDING))
            )
            if is_stopped(session):  # notices wait until mails may go again
                unsent = unsent.where(Message.kind == "mail")
            uncalled = select(Call.id).where(col(Call.status).in_((CallStatus.NEW, CallStatus.CALLING)))
            return session.exec(unsent).first() is None and session.exec(uncalled).first() is None

    def _until_asleep(self) -> None:
        """Wait until the workflows stand at their timers: the server's time can stand still for ever after
        a workflow was terminated in the middle of a task."""
        for one in journeys(self.env):
            for _ in range(500):
                if self._stage.run(self._is_asleep(one.id)):
                    break
                time.sleep(_LOOK)

    async def _is_asleep(self, enrolment_id: str) -> bool:
        handle = self._stage.client.get_workflow_handle(journey_workflow_id(enrolment_id))
        try:
            if (await handle.describe()).status != WorkflowExecutionStatus.RUNNING:
                return True
        except RPCError:  # its start was lost
            return True
        last = (await handle.fetch_history()).events[-1].event_type
        busy = (
            EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
            EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
            EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
            EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        )
        return last not in busy
