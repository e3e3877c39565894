"""What each step of the model does: how it begins, and how it goes on when what it waited for has come.

Both return where the journey goes at once, or None where it stays: then it has said what it waits for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leadloop.language import plan as p
from tests.model.position import Cause
from tests.model.steps import changes, choices, mails, sales, waits
from tests.model.walk import Walk

_ENTER: dict[str, Callable[[Walk, Any], p.Target | None]] = {
    "send": mails.send,
    "stream": mails.cast,
    "notify": mails.notify,
    "webhook": mails.call,
    "wait": waits.wait,
    "await": waits.await_,
    "experiment": choices.draw,
    "hand_off": sales.offer,
    "task": sales.task,
    "recycle": sales.recycle,
    "if": choices.if_,
    "switch": choices.switch,
    "repeat": choices.repeat,
    "again": choices.again,
    "go": choices.go,
    "exit": choices.exit_,
    "score": changes.score,
    "set": changes.set_,
    "tag": changes.tag,
    "untag": changes.untag,
    "stage": changes.stage,
    "subscribe": changes.subscribe,
    "unsubscribe": changes.unsubscribe,
    "suppress": changes.suppress,
    "record": changes.record,
    "enrol": changes.enrol,
}
_RESUME: dict[str, Callable[[Walk, Any, Cause], p.Target | None]] = {
    "send": mails.sent,
    "stream": mails.rest_or_cast,
    "notify": mails.notified,
    "webhook": mails.called,
    "wait": waits.waited,
    "await": waits.awaited,
    "experiment": choices.take_winner,
    "hand_off": sales.offered,
    "task": sales.tasked,
    "recycle": sales.rested,
}


def enter(walk: Walk) -> p.Target | None:
    """Begin the step that the journey has arrived at."""
    step = walk.plan.steps[walk.at.step]
    return _ENTER[step.kind](walk, step)


def resume(walk: Walk, cause: Cause) -> p.Target | None:
    """Go on in the step that the journey stands in."""
    step = walk.plan.steps[walk.at.step]
    return _RESUME[step.kind](walk, step, cause)
