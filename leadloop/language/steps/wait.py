"""`wait`: for a time, or until a moment."""

from __future__ import annotations

from leadloop.language.plan import WaitStep
from leadloop.language.steps.building import StepSite
from leadloop.language.steps.waiting import read_wait


def read_wait_step(site: StepSite) -> WaitStep | None:
    """`wait: 3 days`, or any other form of wait."""
    node = site.fields.take("wait")
    wait = None if node is None else read_wait(site, node, "`wait`")
    return None if wait is None else WaitStep(**site.base, wait=wait)
