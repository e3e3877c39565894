"""`score`: points by hand."""

from __future__ import annotations

from leadloop.language.plan import ScoreStep
from leadloop.language.scoring import MOST_POINTS
from leadloop.language.steps.building import StepSite


def read_score(site: StepSite) -> ScoreStep | None:
    """`score: {model: engagement, points: 5, reason: …}`."""
    fields = site.body("score")
    if fields is None:
        return None
    model = fields.known("model", "model", site.building.vocabulary.models, "model: engagement")
    points = fields.integer("points", -MOST_POINTS, MOST_POINTS, example="points: 5")
    reason = fields.text("reason") or ""
    fields.finish()
    if model is None or points is None:
        return None
    return ScoreStep(**site.base, model=model, points=points, reason=reason)
