"""`go: STEP`."""

from __future__ import annotations

from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import GoStep, Target


class GoHandler(InstantHandler):
    """Jump to another step."""

    def enter(self, step: GoStep, walk: Walk) -> Target:
        walk.say("go", to=step.next.step)
        return step.next
