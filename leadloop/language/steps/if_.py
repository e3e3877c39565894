"""`if`: one condition, two ways."""

from __future__ import annotations

from leadloop.language.plan import IfStep
from leadloop.language.steps.building import StepSite


def read_if(site: StepSite) -> IfStep | None:
    """`if: CONDITION` with `then: [steps]` and `else: [steps]` beside it."""
    condition = site.condition(site.fields, "if")
    then = site.step_list(site.fields.sequence("then", "then: [{go: STEP}]"), "then")
    otherwise = site.next
    if site.fields.take("else") is not None:
        otherwise = site.step_list(site.fields.sequence("else"), "else")
    if condition is None:
        return None
    return IfStep(**site.base, condition=condition, then=then, otherwise=otherwise)
