"""`suppress: {topics, reason, lift_on}`."""

from __future__ import annotations

from leadloop.journey.effects import SuppressTopics
from leadloop.journey.state import Again
from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import SuppressStep


class SuppressHandler(InstantHandler):
    """Stop mailing topics for a reason of ours, until an event of `lift_on`."""

    def enter(self, step: SuppressStep, walk: Walk) -> Again:
        walk.effects.append(SuppressTopics(step.id, walk.visit, step.topics, step.reason, step.lift_on))
        walk.say("suppress", topics=list(step.topics), reason=step.reason)
        return Again(step.next)
