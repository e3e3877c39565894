"""Puts the journey and its turn into the context of a workflow's log lines."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.worker import (
    ExecuteWorkflowInput,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)

with workflow.unsafe.imports_passed_through():
    from structlog.contextvars import bind_contextvars

    from leadloop.contracts import JourneyInput, TurnRequest


class WorkflowLogContext(WorkflowInboundInterceptor):
    """Binds `enrolment_id` and `turn` for the task that runs the journey. Ids only."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        start = input.args[0] if input.args else None
        if isinstance(start, JourneyInput):
            bind_contextvars(enrolment_id=start.enrolment_id)
        return await super().execute_workflow(input)


class _Outbound(WorkflowOutboundInterceptor):
    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        _bind_turn(input.args)
        return super().start_local_activity(input)

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        _bind_turn(input.args)
        return super().start_activity(input)


def _bind_turn(args: Any) -> None:
    if args and isinstance(args[0], TurnRequest):
        bind_contextvars(turn=args[0].turn_no)
