"""`score: {model, points}`."""

from __future__ import annotations

from leadloop.journey.effects import AddScore
from leadloop.journey.state import Again
from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import ScoreStep


class ScoreHandler(InstantHandler):
    """Write points into the ledger; later steps of the turn see the new score."""

    def enter(self, step: ScoreStep, walk: Walk) -> Again:
        walk.effects.append(AddScore(step.id, walk.visit, step.model, step.points, step.reason))
        walk.say("score", model=step.model, points=step.points)
        return Again(step.next)
