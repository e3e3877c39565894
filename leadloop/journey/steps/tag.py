"""`tag: NAME` and `untag: NAME`."""

from __future__ import annotations

from leadloop.journey.effects import ChangeTags
from leadloop.journey.state import Again
from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import TagStep, UntagStep


class TagHandler(InstantHandler):
    """Put tags on the lead; those it has already stay as they are."""

    def enter(self, step: TagStep, walk: Walk) -> Again:
        walk.effects.append(ChangeTags(step.id, add=step.tags))
        walk.say("tag", tags=list(step.tags))
        return Again(step.next)


class UntagHandler(InstantHandler):
    """Take tags off the lead."""

    def enter(self, step: UntagStep, walk: Walk) -> Again:
        walk.effects.append(ChangeTags(step.id, remove=step.tags))
        walk.say("untag", tags=list(step.tags))
        return Again(step.next)
