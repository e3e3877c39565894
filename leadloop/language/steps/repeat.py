"""`repeat`: a loop with a bound."""

from __future__ import annotations

from leadloop.language.plan import AgainStep, RepeatStep, Target
from leadloop.language.steps.building import StepSite

MOST_ROUNDS = 1000


def read_repeat(site: StepSite) -> RepeatStep | None:
    """`repeat: {max: 4, while: CONDITION, steps: […]}`.

    The end of the body leads to a step of its own, `<id>/again`, which counts the rounds.
    """
    fields = site.body("repeat")
    if fields is None:
        return None
    building, again = site.building, f"{site.step_id}/again"
    most = fields.integer("max", 1, MOST_ROUNDS, "max: 4")
    condition = site.condition(fields, "while")
    nodes = fields.sequence("steps", "steps: [{wait: 3 days}]")
    building.kinds[again] = "again"
    building.places[again] = fields.node.place
    first = site.step_list(nodes, "steps", Target(step=again))
    building.steps[again] = AgainStep(
        **{**site.base, "id": again, "title": ""}, repeat=site.step_id, first=first
    )
    building.nested.append((site.step_id, again))
    fields.finish()
    if most is None or not nodes or (condition is None and fields.has("while")):
        return None
    return RepeatStep(**site.base, most=most, condition=condition, first=first)
