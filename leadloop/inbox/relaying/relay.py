"""The relay: turns rows of `wake` into workflow starts and signals. At least once; many may run.

A journey's workflow is started or woken by the same call, signal-with-start, so the relay need
not know whether it runs. Under a warped clock it also wakes journeys whose instant has come,
because Temporal's timers have a floor near one real second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import false, true
from sqlmodel import Session, col, delete, func, select
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from leadloop.contracts import (
    JOURNEY_WORKFLOW,
    WAKE_SIGNAL,
    JourneyInput,
    WakeSignal,
    journey_workflow_id,
    journeys_queue,
)
from leadloop.inbox.recovery.restored import is_restored
from leadloop.inbox.relaying.call import Call
from leadloop.inbox.relaying.pace import Pace
from leadloop.inbox.relaying.priorities import task_priority
from leadloop.inbox.turns.description import search_attributes, static_details
from leadloop.inbox.turns.turn import TURNS
from leadloop.inbox.turns.woken import WokenJourneys
from leadloop.inbox.watch import Watch
from leadloop.storage.environment import Environment
from leadloop.storage.partial import is_running
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Wake

WORKFLOW_TASK_TIMEOUT = timedelta(seconds=2)
_BATCH = 200
_BULK = 50
"""Wakes in bulk of a round that is full without them: they go on however many others there are."""
_AGAIN_SECONDS = 5.0
_CALL_LIMIT = timedelta(seconds=10)
"""How long a call to Temporal may take; a service that says nothing is asked again later."""
_log = structlog.get_logger()


@dataclass
class Relay:
    """Sends wakes for one workspace."""

    env: Environment
    client: Client
    workspace: str
    searchable: bool = False
    """The search attributes are registered; turns false for good where the server says otherwise."""
    woken: WokenJourneys | None = None
    """Has the turns that were taken for wakes of this process."""
    pace: Pace = field(default_factory=Pace)
    _woken_at: dict[tuple[str, int], float] = field(default_factory=dict)
    _sent: dict[str, str] = field(default_factory=dict)
    """Wakes that were sent and are not deleted yet: token by enrolment."""
    _deleting: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self._due_watch = Watch(self.env, TURNS, self._earliest_due)

    async def run_once(self) -> int:
        """Send what is asked for now, and delete what was sent; return how many wakes were sent."""
        sent = await self.run_round()
        await self.settle()
        return sent

    async def run_round(self) -> int:
        """Send what is asked for now, at the pace that the service takes; return how many wakes were sent.

        What was sent is deleted beside the next rounds: they need not wait for their turn to write.
        """
        self._delete_sent()
        if self.pace.is_resting:
            return 0
        if len(self._sent) >= _BATCH:  # else nothing but these might be found
            await self.settle()
        calls = await asyncio.to_thread(self._collect)
        if not calls:
            return 0
        self.pace.begin_round()
        gate = asyncio.Semaphore(self.pace.at_once)

        async def send(call: Call) -> bool:
            async with gate:
                return not self.pace.is_over and await self._send(call)

        results = await asyncio.gather(*(send(call) for call in calls))
        self.pace.end_round()
        sent = [call for call, done in zip(calls, results, strict=True) if done]
        if sent:
            self.env.fail("after_signal")
        self._sent.update({call.enrolment_id: call.token for call in sent if call.token is not None})
        self._delete_sent()
        return len(sent)

    async def settle(self) -> None:
        """Wait until the wakes that were sent are deleted."""
        if self._deleting is not None:
            await self._deleting

    def _delete_sent(self) -> None:
        """Begin to delete what was sent, where that is not going on. Raises the error of the last time."""
        if self._deleting is not None and self._deleting.done():
            done, self._deleting = self._deleting, None
            done.result()
        if self._sent and self._deleting is None:
            self._deleting = asyncio.create_task(self._delete_all_sent())

    async def _delete_all_sent(self) -> None:
        while self._sent:
            tokens = dict(self._sent)
            await asyncio.to_thread(self._forget, tokens)
            for enrolment_id, token in tokens.items():
                if self._sent.get(enrolment_id) == token:
                    del self._sent[enrolment_id]

    async def backlog(self) -> int:
        """Return about how many workflow tasks wait for a worker."""
        reply = await self.client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self.client.namespace,
                task_queue=TaskQueue(name=journeys_queue(self.workspace)),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
                report_stats=True,
            ),
            timeout=_CALL_LIMIT,
        )
        return int(reply.stats.approximate_backlog_count)

    def _collect(self) -> list[Call]:
        due = self._due_watch.is_due()
        with self.env.database.read() as session:
            if is_restored(session):  # no turn is taken: whoever is woken now would come back in a minute
                return []
            asked = [wake for wake in _next_wakes(session) if self._is_ready(wake)]
            wakes = _with_journeys(session, asked)
            calls = [self._call(session, enrolment, wake) for wake, enrolment in wakes]
            if due:
                calls += self._due(
                    session,
                    session.exec(
                        select(Enrolment)
                        .where(is_running(), col(Enrolment.due_at) <= self.env.clock.now())
                        .order_by(col(Enrolment.due_at))
                        .limit(_BATCH)
                    ).all(),
                )
        return calls

    def _is_ready(self, wake: Wake) -> bool:
        """Return whether a wake is to be sent now: it was not sent before, and no answer is about to come."""
        if self._sent.get(wake.enrolment_id) == wake.token:
            return False
        return self.woken is None or not self.woken.is_expected(wake.token)

    def _earliest_due(self) -> datetime | None:
        """Return when the next journey is due; on real time Temporal's own timers wake it."""
        if not self.env.clock.warped:
            return None
        with self.env.database.read() as session:
            return session.exec(select(func.min(Enrolment.due_at)).where(is_running())).one()

    def _due(self, session: Session, rows: Sequence[Enrolment]) -> list[Call]:
        """Leave out journeys woken a moment ago: their turn is being taken."""
        present = time.monotonic()
        calls = []
        for row in rows:
            key = (row.id, row.turn_no)
            if present - self._woken_at.get(key, -_AGAIN_SECONDS) >= _AGAIN_SECONDS:
                self._woken_at[key] = present
                calls.append(self._call(session, row, None))
        if len(self._woken_at) > 50_000:
            self._woken_at = {k: at for k, at in self._woken_at.items() if present - at < _AGAIN_SECONDS}
        return calls

    def _call(self, session: Session, enrolment: Enrolment, wake: Wake | None) -> Call:
        return Call(
            enrolment.id,
            enrolment.scenario,
            enrolment.generation,
            enrolment.turn_no,
            wake.token if wake is not None else None,
            wake.restart if wake is not None else False,
            enrolment.status == EnrolmentStatus.ENDED and enrolment.next.get("kind") == "end",
            search_attributes(enrolment),
            static_details(enrolment),
            task_priority(self.env.publications.plan(enrolment.plan_digest, session)),
            self.woken.signal(wake.token) if self.woken is not None and wake is not None else WakeSignal(),
        )

    async def _send(self, call: Call) -> bool:
        try:
            if call.finished:
                await self._tell_of_end(call)
            else:
                await self._start_searchable(call)
        except RPCError as error:
            self.pace.refuse(error.status)
            _log.warning("wake_failed", enrolment_id=call.enrolment_id, status=error.status.name)
            return False
        return True

    async def _tell_of_end(self, call: Call) -> None:
        """Wake the workflow of a journey that took its last turn, where there is one that waits."""
        handle = self.client.get_workflow_handle(journey_workflow_id(call.enrolment_id))
        try:
            await handle.signal(WAKE_SIGNAL, call.signal, rpc_timeout=_CALL_LIMIT)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise

    async def _start_searchable(self, call: Call) -> None:
        """Start or wake it with search attributes, or without where the server does not take them."""
        if self.searchable:
            try:
                await self._start(call, _typed(call.attributes))
                return
            except RPCError as error:
                if error.status != RPCStatusCode.INVALID_ARGUMENT or "search attribute" not in str(error):
                    raise
            self.searchable = False
            _log.warning("search_attributes_refused", attributes=sorted(call.attributes))
        await self._start(call, None)

    async def _start(self, call: Call, attributes: TypedSearchAttributes | None) -> None:
        start = JourneyInput(
            enrolment_id=call.enrolment_id, generation=call.generation, turn_no=call.first_turn
        )
        policy = (
            WorkflowIDConflictPolicy.TERMINATE_EXISTING
            if call.restart
            else WorkflowIDConflictPolicy.USE_EXISTING
        )
        await self.client.start_workflow(
            JOURNEY_WORKFLOW,
            start,
            id=journey_workflow_id(call.enrolment_id),
            task_queue=journeys_queue(self.workspace),
            task_timeout=WORKFLOW_TASK_TIMEOUT,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=policy,
            start_signal=None if call.restart else WAKE_SIGNAL,
            start_signal_args=() if call.restart else (call.signal,),
            search_attributes=attributes,
            static_summary=call.scenario,
            static_details=call.details,
            priority=call.priority,
            rpc_timeout=_CALL_LIMIT,
        )

    def _forget(self, tokens: Mapping[str, str]) -> None:
        """Delete the wakes that were sent, unless they were asked for again meanwhile.

        One that somebody holds is being asked for again. It is left, so that nobody waits in a circle.
        """
        with self.env.database.write() as session:
            rows = session.exec(
                select(Wake.enrolment_id, Wake.token)
                .where(col(Wake.enrolment_id).in_(tokens))
                .with_for_update(skip_locked=True)
            ).all()
            sent = [enrolment_id for enrolment_id, token in rows if tokens[enrolment_id] == token]
            session.exec(delete(Wake).where(col(Wake.enrolment_id).in_(sent)))


def _next_wakes(session: Session) -> list[Wake]:
    """Return the wakes of a round, oldest first; those in bulk come behind the others."""
    oldest = select(Wake).order_by(col(Wake.asked_at))
    found = list(session.exec(oldest.where(col(Wake.bulk) == false()).limit(_BATCH)).all())
    room = max(_BULK, _BATCH - len(found))
    return [*found, *session.exec(oldest.where(col(Wake.bulk) == true()).limit(room)).all()]


def _with_journeys(session: Session, wakes: Sequence[Wake]) -> list[tuple[Wake, Enrolment]]:
    # Not a join: of a queue that is full now and empty then PostgreSQL knows nothing, and reads all journeys.
    ids = [wake.enrolment_id for wake in wakes]
    rows = session.exec(select(Enrolment).where(col(Enrolment.id).in_(ids))).all() if ids else ()
    by_id = {row.id: row for row in rows}
    return [(wake, by_id[wake.enrolment_id]) for wake in wakes]


def _typed(attributes: dict[str, str]) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_keyword(name), value)
            for name, value in attributes.items()
        ]
    )
