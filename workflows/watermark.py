"""The watermark's process: remembers, outside the database, how far the database was."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from leadloop.contracts import MIRROR_SIGNAL, WATERMARK_WORKFLOW, Watermark

MOST_SIGNALS = 100
"""Reports in one run before it continues as new: whoever reads the watermark reads the whole run."""


@workflow.defn(name=WATERMARK_WORKFLOW)
class WatermarkWorkflow:
    """Joins the reports of all processes. It never ends, and asks nobody anything."""

    @workflow.init
    def __init__(self, start: Watermark) -> None:
        self._known = start
        self._signals = 0

    @workflow.signal(name=MIRROR_SIGNAL)
    def mirror(self, newer: Watermark) -> None:
        """Take a report."""
        self._known = self._known.joined(newer)
        self._signals += 1

    @workflow.run
    async def run(self, start: Watermark) -> None:
        await workflow.wait_condition(lambda: self._signals >= MOST_SIGNALS)
        workflow.continue_as_new(self._known)
