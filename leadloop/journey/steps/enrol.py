"""`enrol: {scenario}`."""

from __future__ import annotations

from leadloop.journey.effects import EnrolIn
from leadloop.journey.state import Again
from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import EnrolStep


class EnrolHandler(InstantHandler):
    """Ask for the lead's entry into another scenario; its own rules decide whether it enters."""

    def enter(self, step: EnrolStep, walk: Walk) -> Again:
        walk.effects.append(EnrolIn(step.id, walk.visit, step.scenario))
        walk.say("enrol", scenario=step.scenario)
        return Again(step.next)
