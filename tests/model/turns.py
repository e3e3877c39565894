"""The model's turns: why a journey may take one, and what it does in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from leadloop.language import plan as p
from tests.model import clocks, versions
from tests.model.journey import Journey
from tests.model.position import Cause
from tests.model.selling import lock
from tests.model.steps import enter, resume
from tests.model.story import Story
from tests.model.walk import Walk, go_on

FINISHED = ("sent", "held", "skipped", "failed", "uncertain")


def cause_of(story: Story, journey: Journey) -> Cause | None:
    """Return why the next turn may be taken; None while it may not."""
    kind, key = journey.head
    if kind == "end" or journey.status == "paused":
        return None
    flies = is_in_flight(story, journey)
    if not journey.is_open:
        return None if flies else Cause("closed")
    if journey.status == "held":
        if wants_move(journey) and not flies:
            return Cause("moved")
        return Cause("retried") if journey.retry else None
    if journey.turn_no == 0:
        return Cause("started")
    if kind in ("send", "call"):
        return None if flies else _what_came_of(story, kind, key or "")
    if wants_move(journey):
        return Cause("moved")
    return what_ended(story, journey)


def what_ended(story: Story, journey: Journey) -> Cause | None:
    """Return what ended a journey's wait."""
    if journey.taken is not None:
        return journey.taken
    over = journey.due_at is not None and journey.due_at <= story.now
    return Cause("time") if over or _is_released(story, journey) else None


def wants_move(journey: Journey) -> bool:
    return isinstance(journey.move_to, p.Plan) and not journey.lost


def is_in_flight(story: Story, journey: Journey) -> bool:
    """Return whether a mail or a call of the journey is on its way."""
    kind, key = journey.head
    if kind == "send":
        return story.messages[key or ""].status not in FINISHED
    return kind == "call" and story.calls[key or ""] == "new"


def _what_came_of(story: Story, kind: str, key: str) -> Cause:
    if kind == "call":
        return Cause("call", status=story.calls[key])
    message = story.messages[key]
    return Cause("mail", status=message.status, reason=message.reason, until=message.hold_until)


def _is_released(story: Story, journey: Journey) -> bool:
    """Return whether the mail that the journey holds may be asked for again before its time."""
    sends = journey.at.sends.get(journey.at.step, ())
    message = story.messages[sends[-1]] if sends else None
    if journey.due_at is None or journey.at.phase != "held" or message is None or message.hold_until is None:
        return False
    return message.status == "held" and message.hold_until <= story.now


def take_turn(story: Story, journey: Journey) -> bool:
    """Take the next turn where it may be taken."""
    story.apply_inbox()
    cause = cause_of(story, journey)
    if cause is None:
        return False
    story.turning = journey
    trace: list[dict[str, Any]] = []
    if cause.kind == "closed":
        journey.head = ("end", None)
    else:
        _go_on(story, journey, cause, trace)
    journey.turn_no += 1
    journey.moved_at = story.now
    journey.traces.append(trace)
    story.turning = None
    if journey.is_open and journey.head[0] == "wait":
        lock(story, journey)
        clocks.stand_still(journey, story.now)
    return True


def _go_on(story: Story, journey: Journey, cause: Cause, trace: list[dict[str, Any]]) -> None:
    shift = journey.shift + clocks.stood(journey, story.now)
    journey.shift, journey.frozen_at, journey.retry = timedelta(), None, False
    if wants_move(journey) and not is_in_flight(story, journey):
        was_held = journey.status == "held" and not journey.is_held_in_a_wait
        where = versions.move(story, journey, trace)
        if where is None:  # it stays where it is, until a version maps its step
            journey.shift = shift
            return
        journey.status, journey.held = "running", None
        if where == "another":
            if journey.at.going_to is None:
                journey.at.going_to = p.Target(step=journey.at.step)
            cause = Cause("started")
        elif was_held:
            cause = versions.again(story, journey)
        elif cause.kind == "moved":
            if journey.plan.steps[journey.at.step].kind in versions.WORKED_OUT_ANEW:
                _wait_anew(story, journey, trace, shift)
                return
            if journey.taken is None:
                journey.shift = shift
                return
            cause = journey.taken
    elif cause.kind == "retried":
        trace.append({"step": journey.at.step, "did": "retried"})
        waits_on = journey.is_held_in_a_wait
        journey.status, journey.held = "running", None
        story.release(journey)
        if waits_on:
            _wait_on(story, journey, trace, shift)
            return
        cause = versions.again(story, journey)
    journey.rouse()
    go_on(Walk(story, journey, trace), cause, enter, resume)


def _wait_on(story: Story, journey: Journey, trace: list[dict[str, Any]], shift: timedelta) -> None:
    """Go on in the wait that the journey was held in."""
    story.settle()
    if not journey.is_open:
        trace.append({"did": "ended", "outcome": journey.outcome})
        journey.head = ("end", None)
        return
    journey.shift = shift
    cause = what_ended(story, journey)
    if cause is not None:
        journey.shift = timedelta()
        journey.rouse()
        go_on(Walk(story, journey, trace), cause, enter, resume)


def _wait_anew(story: Story, journey: Journey, trace: list[dict[str, Any]], shift: timedelta) -> None:
    """Work the same wait out in the new version, counted from the arrival at the old one."""
    walk = Walk(story, journey, trace)
    walk.now = journey.at.arrived_at or story.now
    journey.rouse()
    visits = dict(journey.at.visits)
    step = journey.plan.steps[journey.at.step]
    if step.kind == "recycle":
        walk.now = story.now
        target = resume(walk, Cause("branch", len(step.bypass)))
    else:
        target = enter(walk)
    walk.now = story.now
    if target is not None:
        journey.at.going_to = target
    if target is not None or journey.taken is not None:
        go_on(walk, journey.taken or Cause("started"), enter, resume)
    if journey.at.visits == visits:
        journey.shift = shift
