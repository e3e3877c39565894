"""The steps `if`, `go` and `exit`."""

from __future__ import annotations

from leadloop.language.expressions import compile_condition
from leadloop.language.fields import named
from leadloop.language.nodes import Mapping
from leadloop.language.plan import ExitStep, GoStep, IfStep, Target
from leadloop.language.steps.building import StepSite, read_exit


def read_if(site: StepSite) -> IfStep | None:
    """`if: CONDITION` with `then: [steps]` and `else: [steps]` beside it."""
    node = site.fields.take("if")
    condition = None
    if node is not None:
        condition = compile_condition(site.report, node, "`if`", site.building.scope)
    then = site.step_list(site.fields.sequence("then", "then: [{go: STEP}]"), "then")
    otherwise = site.next
    if site.fields.take("else") is not None:
        otherwise = site.step_list(site.fields.sequence("else"), "else")
    if condition is None:
        return None
    return IfStep(**site.base, condition=condition, then=then, otherwise=otherwise)


def read_go(site: StepSite) -> GoStep | None:
    """`go: STEP`."""
    node = site.fields.take("go")
    target = None if node is None else site.jump(node, "`go`")
    return None if target is None else GoStep(**{**site.base, "next": target})


def read_exit_step(site: StepSite) -> ExitStep | None:
    """`exit: OUTCOME`, with `notify: ADDRESS` beside it or in `exit: {…}`."""
    node = site.fields.take("exit")
    if node is None:
        return None
    notify = site.fields.address("notify")
    if isinstance(node, Mapping):
        target = read_exit(site.report, node, "`exit`")
    else:
        outcome = named(site.report, node, "an outcome")
        target = None if outcome is None else Target(exit=outcome, notify=notify)
    return None if target is None else ExitStep(**{**site.base, "next": target})
