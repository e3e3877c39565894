"""`enrol`: entry into another scenario."""

from __future__ import annotations

from leadloop.language.plan import EnrolStep
from leadloop.language.steps.building import StepSite


def read_enrol(site: StepSite) -> EnrolStep | None:
    """`enrol: {scenario: NAME}`: a scenario with `{manual: true}` among its entries."""
    fields = site.body("enrol")
    if fields is None:
        return None
    scenario = fields.name("scenario", "scenario: whitepaper-nurture")
    node = fields.node.get("scenario")
    fields.finish()
    if scenario is None or node is None:
        return None
    site.building.enrols.append((scenario, node.place))
    return EnrolStep(**site.base, scenario=scenario)
