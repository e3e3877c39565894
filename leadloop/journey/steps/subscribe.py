"""`subscribe: {topic, basis}`."""

from __future__ import annotations

from leadloop.journey.effects import Subscribe
from leadloop.journey.state import Again
from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import SubscribeStep


class SubscribeHandler(InstantHandler):
    """Write a permission to mail a topic, with its legal basis."""

    def enter(self, step: SubscribeStep, walk: Walk) -> Again:
        walk.effects.append(Subscribe(step.id, walk.visit, step.topic, step.basis))
        walk.say("subscribe", topic=step.topic, basis=step.basis)
        return Again(step.next)
