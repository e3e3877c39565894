"""`experiment: {metric, variants}`: a draw between arms, and the arm that won for the rest."""

from __future__ import annotations

import hashlib

from leadloop.journey.effects import NoteDraw
from leadloop.journey.state import Cause, Stop, TimedOut
from leadloop.journey.walk import HoldError, Walk, wait_for
from leadloop.language.plan import ExperimentStep, Target

CONTROL = "control"
REST = "rest"
PARTS = 10_000
"""Shares are counted in hundredths of a percent."""


class ExperimentHandler:
    """Draw once per visit. The control group goes on at `next`; who rests takes the winner later."""

    def enter(self, step: ExperimentStep, walk: Walk) -> Target | Stop:
        whom = walk.facts.subject_key if step.draw == "lead" else ""
        arm = arm_of(step, draw_number(walk.plan.scenario, step.id, whom or walk.facts.enrolment_id))
        walk.effects.append(NoteDraw(step.id, walk.visit, walk.key("draw"), arm))
        walk.say("experiment", drawn=arm)
        if arm != REST:
            walk.set_result(variant=arm)
            return self._go(step, arm)
        if step.rest is None:  # the shares leave nobody over, so a plan of another build is wrong
            raise HoldError(f"the shares of `{step.id}` do not add up")
        walk.set_phase(REST)
        return wait_for(walk.after(step.rest.after))

    def resume(self, step: ExperimentStep, walk: Walk, cause: Cause) -> Target:
        if not isinstance(cause, TimedOut) or step.rest is None:
            raise HoldError(f"`{step.id}` waits for the end of its rest only")
        winner = walk.facts.winners.get(step.id, step.rest.tie)
        walk.set_result(variant=winner)
        walk.say("experiment", winner=winner)
        return self._go(step, winner)

    def _go(self, step: ExperimentStep, arm: str) -> Target:
        return next((one.go for one in step.variants if one.name == arm), step.next)


def draw_number(scenario: str, step_id: str, whom: str) -> int:
    """Return a number from 0 to 9,999: uniform over people or runs, the same whenever it is asked."""
    text = "\x1f".join((scenario, step_id, whom))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % PARTS


def arm_of(step: ExperimentStep, number: int) -> str:
    """Return the arm of a number: control first, the arms in their order, then the rest.

    Where the arms are all there is, rounding can leave the last few numbers over: the last arm's.
    """
    below = step.control
    if number < below:
        return CONTROL
    for variant in step.variants:
        below += variant.share
        if number < below:
            return variant.name
    return step.variants[-1].name if step.rest is None and step.variants else REST
