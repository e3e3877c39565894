"""Puts the journey and its turn into the context of the log lines of activities and workflows."""

from __future__ import annotations

from typing import Any

from structlog.contextvars import bound_contextvars
from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from leadloop.contracts import JOURNEY_PREFIX, enrolment_id_of
from workflows.log_context import WorkflowLogContext


class LogContext(Interceptor):
    """For every worker of leadloop. Binds ids only, never values."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activity(next)

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        return WorkflowLogContext


class _Activity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        with bound_contextvars(**_ids(input.args[0] if input.args else None)):
            return await super().execute_activity(input)


def _ids(request: object) -> dict[str, Any]:
    """Return what a line should carry of a request: the journey, its turn, its message or call."""
    info = activity.info()
    workflow_id = info.workflow_id or ""
    found: dict[str, Any] = {"attempt": info.attempt}
    if workflow_id.startswith(JOURNEY_PREFIX):
        found["enrolment_id"] = enrolment_id_of(workflow_id)
    for name, key in (("turn_no", "turn"), ("message_id", "message_id"), ("call_id", "call_id")):
        value = getattr(request, name, None)
        if value is not None:
            found[key] = value
    return found
