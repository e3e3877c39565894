"""The numbers that a lead's score is compared with: by what is published, and by its open journeys.

People in flight stay on their plan, so an older plan may compare with a number of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadloop.scoring.thresholds import thresholds_of, thresholds_of_plan

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application


def edges_of(application: Application, model: str) -> frozenset[int]:
    """Return the numbers of one model at which decay must be looked at again for this lead."""
    stored, session = application.stored, application.session
    edges = thresholds_of(stored).edges.get(model, frozenset())
    if application.publication.scoring.models[model].half_life is None:
        return edges
    live = set(stored.parts.values())
    for digest in {journey.plan_digest for journey in application.open_journeys} - live:
        plan = application.env.publications.plan(digest, session)
        models = application.publication.scoring.models
        edges |= thresholds_of_plan(digest, plan, models).edges.get(model, frozenset())
    return edges
