"""`set: {FIELD: VALUE}`."""

from __future__ import annotations

from leadloop.journey.effects import SetFields
from leadloop.journey.state import Again
from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import SetStep


class SetHandler(InstantHandler):
    """Write fields of the lead; later steps of the turn see them."""

    def enter(self, step: SetStep, walk: Walk) -> Again:
        walk.effects.append(SetFields(step.id, dict(step.fields)))
        walk.say("set", fields=sorted(step.fields))
        return Again(step.next)
