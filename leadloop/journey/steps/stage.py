"""`stage: NAME`."""

from __future__ import annotations

from leadloop.journey.effects import MoveStage
from leadloop.journey.state import Again
from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import StageStep


class StageHandler(InstantHandler):
    """Ask for a lifecycle stage; the transitions decide whether the lead may move there."""

    def enter(self, step: StageStep, walk: Walk) -> Again:
        walk.effects.append(MoveStage(step.id, step.stage))
        walk.say("stage", to=step.stage)
        return Again(step.next)
