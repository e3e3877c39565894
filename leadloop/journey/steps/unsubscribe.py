"""`unsubscribe: {topic}`."""

from __future__ import annotations

from leadloop.journey.effects import Unsubscribe
from leadloop.journey.state import Again
from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import UnsubscribeStep


class UnsubscribeHandler(InstantHandler):
    """Write the person's refusal of a topic. It ends the journeys of that topic, this one included."""

    def enter(self, step: UnsubscribeStep, walk: Walk) -> Again:
        walk.effects.append(Unsubscribe(step.id, walk.visit, step.topic))
        walk.say("unsubscribe", topic=step.topic)
        return Again(step.next)
