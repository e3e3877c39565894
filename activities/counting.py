"""Counts what the activities of this process did, for Prometheus."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from leadloop.contracts import MAKE_CALL, SEND_MESSAGE, TAKE_TURN


class Counting(Interceptor):
    """For every worker of a process: counts answers by status, and attempts that failed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, documentation: str, label: str = "status") -> Counter:
            return Counter(f"leadloop_{name}", documentation, [label], registry=registry)

        self.answers = {
            TAKE_TURN: counter("turns", "Questions for a turn, by the answer"),
            SEND_MESSAGE: counter("sends", "Mails, by what became of them"),
            MAKE_CALL: counter("calls", "Outside calls, by what became of them"),
        }
        self.failures = counter("failed_attempts", "Attempts that are made again, by activity", "activity")

    def count_turn(self, status: str) -> None:
        """Count an answer that was given before the workflow asked."""
        self.answers[TAKE_TURN].labels(status).inc()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Counted(next, self)


class _Counted(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, counting: Counting) -> None:
        super().__init__(next)
        self._counting = counting

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        name = activity.info().activity_type
        try:
            result = await super().execute_activity(input)
        except Exception:
            self._counting.failures.labels(name).inc()
            raise
        answers = self._counting.answers.get(name)
        if answers is not None:
            answers.labels(getattr(result, "status", "")).inc()
        return result
