"""`if: CONDITION`."""

from __future__ import annotations

from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import IfStep, Target


class IfHandler(InstantHandler):
    """Take `then` where the condition is true; unknown is not true."""

    def enter(self, step: IfStep, walk: Walk) -> Target:
        return step.then if walk.holds(step.condition, "if") else step.otherwise
