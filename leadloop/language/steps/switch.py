"""`switch`: the first of several conditions that is true."""

from __future__ import annotations

from leadloop.language.nodes import Node
from leadloop.language.plan import Case, SwitchStep
from leadloop.language.steps.building import StepSite, required_map


def read_switch(site: StepSite) -> SwitchStep | None:
    """`switch: [{when: CONDITION, then: [steps]}]` with `else: [steps]` beside it."""
    nodes = site.fields.sequence("switch")
    cases = [_case(site, node, f"{at}/then") for at, node in enumerate(nodes, 1)]
    otherwise = site.next
    if site.fields.take("else") is not None:
        otherwise = site.step_list(site.fields.sequence("else"), "else")
    if not cases or None in cases:
        return None
    return SwitchStep(**site.base, cases=tuple(one for one in cases if one is not None), otherwise=otherwise)


def _case(site: StepSite, node: Node, path: str) -> Case | None:
    fields = required_map(site, node, "a case of `switch`")
    if fields is None:
        return None
    when = site.condition(fields, "when", 'when: lead.industry == "it"')
    go = site.step_list(fields.sequence("then", "then: [{go: STEP}]"), path)
    fields.finish()
    return None if when is None else Case(when=when, go=go)
