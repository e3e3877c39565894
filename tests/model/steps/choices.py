"""Steps that choose the way: conditions, loops, draws, jumps."""

from __future__ import annotations

from leadloop.journey.steps.experiment import draw_number
from leadloop.language import plan as p
from tests.model.position import Cause
from tests.model.walk import Walk


def if_(walk: Walk, step: p.IfStep) -> p.Target:
    return step.then if walk.holds(step.condition, "if") else step.otherwise


def switch(walk: Walk, step: p.SwitchStep) -> p.Target:
    for number, case in enumerate(step.cases, 1):
        if walk.holds(case.when, f"case {number}"):
            walk.say("switch", case=number)
            return case.go
    walk.say("switch", case=None)
    return step.otherwise


def repeat(walk: Walk, step: p.RepeatStep) -> p.Target:
    return _round(walk, step, 1)


def again(walk: Walk, step: p.AgainStep) -> p.Target:
    """A round in which nothing was sent and no time passed is the last one."""
    loop = walk.plan.steps[step.repeat]
    assert isinstance(loop, p.RepeatStep)
    if loop.id in walk.at.idle:
        walk.say("repeat", of=loop.id, over="idle")
        return loop.next
    return _round(walk, loop, walk.at.rounds.get(loop.id, 1) + 1)


def _round(walk: Walk, loop: p.RepeatStep, number: int) -> p.Target:
    if number > loop.most:
        walk.say("repeat", of=loop.id, over="max")
        return loop.next
    if loop.condition is not None and not walk.holds(loop.condition, "while"):
        walk.say("repeat", of=loop.id, over="while")
        return loop.next
    walk.at.rounds[loop.id] = number
    walk.at.idle.add(loop.id)
    walk.at.results[loop.id] = {"round": number}
    walk.say("repeat", of=loop.id, round=number)
    return loop.first


def draw(walk: Walk, step: p.ExperimentStep) -> p.Target | None:
    """The draw is a hash: `control` first, the arms in their order, then the rest."""
    whom = walk.story.lead.id if step.draw == "lead" else walk.journey.id
    number = draw_number(walk.plan.scenario, step.id, whom)
    shares = [("control", step.control), *((one.name, one.share) for one in step.variants)]
    drawn = "rest" if step.rest is not None else shares[-1][0]
    for name, share in shares:
        if number < share:
            drawn = name
            break
        number -= share
    walk.say("experiment", drawn=drawn)
    if drawn == "rest" and step.rest is not None:
        walk.at.phase = "rest"
        walk.wait(walk.after(step.rest.after))
        return None
    walk.at.result(variant=drawn)
    return _arm(step, drawn)


def take_winner(walk: Walk, step: p.ExperimentStep, cause: Cause) -> p.Target:
    """The draws of one lead prove nothing: it is a tie."""
    winner = step.rest.tie if step.rest else ""
    walk.at.result(variant=winner)
    walk.say("experiment", winner=winner)
    return _arm(step, winner)


def _arm(step: p.ExperimentStep, name: str) -> p.Target:
    return next((one.go for one in step.variants if one.name == name), step.next)


def go(walk: Walk, step: p.GoStep) -> p.Target:
    walk.say("go", to=step.next.step)
    return step.next


def exit_(walk: Walk, step: p.ExitStep) -> p.Target:
    return step.next
