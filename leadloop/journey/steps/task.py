"""`task: {type, to, due, outcomes}`: something a person does, and what follows from it."""

from __future__ import annotations

from datetime import datetime

from leadloop.journey.effects import MakeTask, MarkOverdue, TellOverdue, WithdrawTask
from leadloop.journey.state import BranchTaken, Cause, MessageFinished, Stop, TimedOut
from leadloop.journey.walk import HoldError, Walk, event_about, wait_for
from leadloop.language.plan import Calendar, Target, TaskStep

_TELLING, _OPEN, _PAUSING, _OVERDUE = "telling", "open", "pausing", "telling_overdue"


class TaskHandler:
    """Give the task to somebody, tell them, and wait for its outcome.

    Overdue tasks stay open, unless `on_overdue` goes on without them. After an outcome of `retry` the
    task is given again, as another task.
    """

    def enter(self, step: TaskStep, walk: Walk) -> Stop:
        return self._give(step, walk, 1)

    def resume(self, step: TaskStep, walk: Walk, cause: Cause) -> Target | Stop:
        phase = walk.state.phase
        if isinstance(cause, MessageFinished):
            return self._told(step, walk, phase)
        if isinstance(cause, BranchTaken):
            return self._done(step, walk, cause)
        if isinstance(cause, TimedOut):
            return (
                self._give(step, walk, _tries(walk) + 1) if phase == _PAUSING else self._overdue(step, walk)
            )
        raise HoldError(f"`{step.id}` waits for its outcome only")

    def _give(self, step: TaskStep, walk: Walk, number: int) -> Stop:
        due_at = walk.after(step.due, _calendar(step, walk))
        walk.set_phase(_TELLING, due_at=due_at.isoformat(), tries=number)
        notice = _key(walk, "notice")
        walk.effects.append(
            MakeTask(
                _key(walk), notice, step.id, walk.visit, step.type, step.task_title, step.to, step.otherwise,
                step.outcomes, due_at, step.asks, step.asks_date,
            )
        )  # fmt: skip
        walk.say("task", type=step.type, due=due_at.isoformat(), **({"again": number} if number > 1 else {}))
        return Stop("send", send_key=notice)

    def _told(self, step: TaskStep, walk: Walk, phase: str) -> Target | Stop:
        if phase != _OVERDUE:
            return self._wait(walk, datetime.fromisoformat(walk.state.data["due_at"]))
        return step.on_overdue or self._wait(walk, None)

    def _done(self, step: TaskStep, walk: Walk, cause: BranchTaken) -> Target | Stop:
        outcome = str(cause.properties.get("outcome", ""))
        date = cause.properties.get("date")
        walk.set_result(outcome=outcome, **({"date": str(date)} if step.asks_date and date else {}))
        walk.say("task", outcome=outcome)
        retry = step.retry
        if retry is not None and outcome in retry.on and _tries(walk) < retry.max:
            again_at = walk.after(retry.every, _calendar(step, walk))
            walk.set_phase(_PAUSING)
            return wait_for(again_at)
        return step.on.get(outcome, step.next)

    def _overdue(self, step: TaskStep, walk: Walk) -> Target | Stop:
        walk.say("task", overdue=True)
        if step.on_overdue is None:
            walk.effects.append(MarkOverdue(_key(walk)))
        else:  # taken back before anybody is told: what is done from here on would change nothing
            walk.effects.append(WithdrawTask(_key(walk)))
        if step.notify_overdue is None:
            return step.on_overdue or self._wait(walk, None)
        notice = _key(walk, "overdue")
        walk.effects.append(TellOverdue(notice, _key(walk), step.notify_overdue))
        walk.set_phase(_OVERDUE)
        return Stop("send", send_key=notice)

    def _wait(self, walk: Walk, due_at: datetime | None) -> Stop:
        task_id = walk.facts.references.get(_key(walk))
        if task_id is None:
            raise HoldError(f"the task of `{walk.state.step}` is missing")
        walk.set_phase(_OPEN)
        return wait_for(due_at, walk.arm(event_about("task_done", "task", task_id)))


def _tries(walk: Walk) -> int:
    return int(walk.state.data.get("tries", 1))


def _key(walk: Walk, part: str = "") -> str:
    """Return a key of the present try: every try is a task of its own."""
    number = _tries(walk)
    return walk.key(part if number == 1 else f"{part}:{number}")


def _calendar(step: TaskStep, walk: Walk) -> Calendar | None:
    name = step.to if step.to in walk.facts.queues else step.otherwise
    queue = walk.facts.queues.get(name) if name else None
    return walk.facts.calendars.get(queue.calendar) if queue and queue.calendar else None
