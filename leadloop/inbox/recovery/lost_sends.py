"""What Temporal remembers of sends that a restored database does not know of.

A journey's workflow schedules the send before anybody claims the message, so its history names every
mail that can have gone out, with what came of it. It names a mail by its key (enrolment, step, visit):
the same step of the same journey has the same key again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar, cast

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from leadloop.contracts import (
    JOURNEY_WORKFLOW,
    SEND_MESSAGE,
    JourneyInput,
    SendReply,
    SendRequest,
    journey_workflow_id,
    journeys_queue,
)

_Shape = TypeVar("_Shape")
_NOT_SENT = frozenset({"held", "skipped", "failed", "superseded"})
"""What came of a send that handed nothing over."""


@dataclass(frozen=True)
class Sent:
    """A message that was handed over, or may have been, at about an instant."""

    request: SendRequest
    at: datetime


@dataclass(frozen=True)
class Run:
    """One run of a journey's workflow, with what it may have sent."""

    enrolment_id: str
    run_id: str
    is_running: bool
    began_at: datetime
    first_turn: int
    """The turn it asked for first."""
    sent: tuple[Sent, ...]


async def runs_since(client: Client, workspace: str, since: datetime | None) -> AsyncIterator[Run]:
    """Return the workspace's runs that were open at an instant or later; every known run without one.

    Raises `RPCError` where Temporal does not answer.
    """
    query = f"WorkflowType = '{JOURNEY_WORKFLOW}' AND TaskQueue = '{journeys_queue(workspace)}'"
    if since is not None:
        query += f" AND (ExecutionStatus = 'Running' OR CloseTime >= '{since.isoformat()}')"
    async for one in client.list_workflows(query):
        yield await _read(client, one)


async def _read(client: Client, execution: WorkflowExecution) -> Run:
    handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
    first_turn = 0
    asked: dict[int, Sent] = {}
    async for event in handle.fetch_history_events():
        started = event.workflow_execution_started_event_attributes
        scheduled = event.activity_task_scheduled_event_attributes
        completed = event.activity_task_completed_event_attributes
        if event.HasField("workflow_execution_started_event_attributes"):
            first_turn = (await _decode(client, started.input.payloads, JourneyInput)).turn_no
        elif scheduled.activity_type.name == SEND_MESSAGE:
            request = await _decode(client, scheduled.input.payloads, SendRequest)
            asked[event.event_id] = Sent(request, event.event_time.ToDatetime(tzinfo=UTC))
        elif completed.scheduled_event_id in asked:
            reply = await _decode(client, completed.result.payloads, SendReply)
            if reply.status in _NOT_SENT:
                del asked[completed.scheduled_event_id]
    return Run(
        enrolment_id=execution.id.removeprefix(journey_workflow_id("")),
        run_id=execution.run_id,
        is_running=execution.status == WorkflowExecutionStatus.RUNNING,
        began_at=execution.start_time,
        first_turn=first_turn,
        sent=tuple(asked.values()),
    )


async def _decode(client: Client, payloads: Sequence[Payload], shape: type[_Shape]) -> _Shape:
    (value,) = await client.data_converter.decode(payloads, [shape])
    return cast("_Shape", value)
