"""What published conditions on leads ask of the past: `did`, worked out once per publication."""

from __future__ import annotations

from leadloop.journey.once import OncePer
from leadloop.language.plan import Did, Expression, Publication


def _asked(publication: Publication) -> list[Did]:
    scoring, lifecycle = publication.scoring, publication.lifecycle
    conditions: list[Expression | None] = [segment.when for segment in publication.segments.values()]
    for model in scoring.models.values():
        conditions += [attribute.when for attribute in model.attributes]
        conditions += [rule.match.where for rule in model.rules]
    for transition in lifecycle.transitions:
        conditions += [transition.when, transition.event.where if transition.event is not None else None]
    return [
        question
        for condition in conditions
        if condition is not None
        for question in condition.did.values()
        if not question.match.of  # messages are a journey's
    ]


asked_of_leads = OncePer(_asked)
"""The questions of segments, scoring and lifecycle: asked of every lead to which something happens."""
