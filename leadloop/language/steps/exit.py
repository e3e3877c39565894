"""`exit`: the end of the journey, with its outcome."""

from __future__ import annotations

from leadloop.language.fields import named
from leadloop.language.nodes import Mapping
from leadloop.language.plan import ExitStep, Target
from leadloop.language.steps.building import StepSite, read_exit


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
