"""`exit: OUTCOME`."""

from __future__ import annotations

from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import ExitStep, Target


class ExitHandler(InstantHandler):
    """End the journey with an outcome."""

    def enter(self, step: ExitStep, walk: Walk) -> Target:
        return step.next
