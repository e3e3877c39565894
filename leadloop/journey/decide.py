"""`decide`: from a position, facts and a cause to the next stop. Pure.

It reads no clock, no database and no network, and makes nothing at random: the engine, `try`,
and tests run the same function. The loop knows no step type; `steps` has a handler for each.
"""

from __future__ import annotations

from datetime import datetime

from leadloop.journey.effects import TellExit
from leadloop.journey.failures import HeldCode
from leadloop.journey.state import (
    Again,
    BranchTaken,
    CallFinished,
    Cause,
    Continued,
    Decision,
    JourneyFacts,
    JourneyState,
    MessageFinished,
    Moved,
    Started,
    Stop,
    TimedOut,
)
from leadloop.journey.steps import HANDLERS
from leadloop.journey.walk import HoldError, Walk
from leadloop.language.plan import COMPLETED, HandOffStep, Plan, RecycleStep, Target

MAX_STEPS = 100
"""Steps walked in one turn, over all its parts. More is a loop the compiler missed: held."""
EDITED = "edited"
"""Outcome of a journey that a new version of its scenario ended."""


def decide(
    plan: Plan,
    state: JourneyState,
    facts: JourneyFacts,
    cause: Cause,
    now: datetime,
    walked: int = 0,
    last_step: bool = False,
) -> Decision:
    """Walk from `state` until a step needs the outside world, time, or fresh facts.

    `walked` is the number of steps this turn has walked already. With `last_step` the journey ends
    (`edited`) where it would go on to another step. Never raises for a journey that
    cannot go on: the decision is then `held`, with a reason a person can act on.
    """
    walk = Walk(plan, facts, now, state)
    if not walked or isinstance(cause, MessageFinished | CallFinished | TimedOut):
        walk.forget_begun()
    try:
        stop = _walk(walk, cause, walked, last_step)
    except HoldError as error:
        walk.say("held", reason=str(error))
        stop = Stop("held", reason=str(error), code=error.code)
    shielded = isinstance(plan.steps[walk.state.step], HandOffStep) and stop.kind in ("wait", "send")
    return Decision(walk.state, stop, tuple(walk.effects), tuple(walk.trace), walked + walk.steps, shielded)


def _walk(walk: Walk, cause: Cause, walked: int, last_step: bool) -> Stop:
    pending = walk.take_pending()
    result: Target | Again | Stop
    if pending is not None:
        result = pending
    elif isinstance(cause, Started | Continued):
        raise HoldError("the journey has no step to go on with")
    elif isinstance(cause, Moved):
        result = _moved(walk)
    else:
        step = walk.plan.steps[walk.state.step]
        result = HANDLERS[step.kind].resume(step, walk, cause)
    while isinstance(result, Target):
        if result.step is None:
            return _end(walk, result)
        if last_step:
            return _end(walk, Target(exit=EDITED))
        walked += 1
        if walked > MAX_STEPS:
            walk.set_pending(result)  # where it goes on once somebody has looked at it
            text = f"more than {MAX_STEPS} steps in one turn: a loop without a wait"
            raise HoldError(text, HeldCode.LOOP)
        walk.arrive(result.step)
        walk.set_result()
        step = walk.plan.steps[result.step]
        result = HANDLERS[step.kind].enter(step, walk)
    if isinstance(result, Again):
        walk.set_pending(result.target)
        return Stop("again")
    return result


def _moved(walk: Walk) -> Target | Again | Stop:
    """Wait anew in the new version of a step, counted from the arrival at the old one."""
    step = walk.plan.steps[walk.state.step]
    if isinstance(step, RecycleStep):  # its cycle was counted: only the end of the rest is worked out
        return HANDLERS[step.kind].resume(step, walk, BranchTaken(len(step.bypass)))
    now, walk.now = walk.now, walk.state.arrived_at or walk.now
    try:
        return HANDLERS[step.kind].enter(step, walk)
    finally:
        walk.now = now


def _end(walk: Walk, target: Target) -> Stop:
    outcome = target.exit or COMPLETED
    if target.notify:
        key = walk.key("exit")
        walk.effects.append(TellExit(key, walk.state.step, walk.visit, target.notify, outcome))
        walk.set_pending(Target(exit=outcome))  # the journey ends once the notice is handed over
        return Stop("send", send_key=key)
    walk.say("ended", outcome=outcome)
    return Stop("end", outcome=outcome)
