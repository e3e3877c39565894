"""`switch: [{when, then}]`."""

from __future__ import annotations

from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import Walk
from leadloop.language.plan import SwitchStep, Target


class SwitchHandler(InstantHandler):
    """Take the first case whose condition is true; unknown is not true."""

    def enter(self, step: SwitchStep, walk: Walk) -> Target:
        for number, case in enumerate(step.cases, start=1):
            if walk.holds(case.when, f"case {number}"):
                walk.say("switch", case=number)
                return case.go
        walk.say("switch", case=None)
        return step.otherwise
