"""`record: {event, …}`."""

from __future__ import annotations

from leadloop.journey.effects import RecordFact
from leadloop.journey.state import Again
from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import RecordStep


class RecordHandler(InstantHandler):
    """Record a fact about the lead; scores, other journeys and later steps see it."""

    def enter(self, step: RecordStep, walk: Walk) -> Again:
        walk.effects.append(RecordFact(step.id, step.event, dict(step.properties)))
        walk.say("record", event=step.event)
        return Again(step.next)
