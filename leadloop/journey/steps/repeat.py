"""`repeat: {max, while, steps}`: the loop's head, and the end of its body."""

from __future__ import annotations

from leadloop.journey.steps.instant import InstantHandler
from leadloop.journey.walk import HoldError, Walk
from leadloop.language.plan import AgainStep, RepeatStep, Target


class RepeatHandler(InstantHandler):
    """Begin the first round; who comes here again from outside begins anew."""

    def enter(self, step: RepeatStep, walk: Walk) -> Target:
        return _round(step, walk, 1)


class AgainHandler(InstantHandler):
    """End a round and begin the next, while there are rounds left and the condition is true.

    A round in which no mail was sent and no time passed is the last one: the next would be the same
    (a stream that is exhausted, a mail that nobody may get), up to the bound and in no time.
    """

    def enter(self, step: AgainStep, walk: Walk) -> Target:
        repeat = walk.plan.steps.get(step.repeat)
        if not isinstance(repeat, RepeatStep):
            raise HoldError(f"`{step.id}` ends a loop that is not there")
        if repeat.id in walk.state.begun:
            walk.say("repeat", of=repeat.id, over="idle")
            return repeat.next
        return _round(repeat, walk, walk.state.rounds.get(repeat.id, 1) + 1)


def _round(repeat: RepeatStep, walk: Walk, number: int) -> Target:
    if number > repeat.most:
        walk.say("repeat", of=repeat.id, over="max")
        return repeat.next
    if repeat.condition is not None and not walk.holds(repeat.condition, "while"):
        walk.say("repeat", of=repeat.id, over="while")
        return repeat.next
    walk.set_round(repeat.id, number)
    walk.say("repeat", of=repeat.id, round=number)
    return repeat.first
