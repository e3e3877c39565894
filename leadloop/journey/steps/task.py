"""`task: {type, to, due, outcomes}`: something a person does, and what follows from it."""

from __future__ import annotations

from datetime import datetime

from leadloop.journey.effects import MakeTask, MarkOverdue
from leadloop.journey.state import BranchTaken, Cause, MessageFinished, Stop, TimedOut
from leadloop.journey.walk import HoldError, Walk, event_about, wait_for
from leadloop.language.plan import Calendar, Target, TaskStep


class TaskHandler:
    """Give the task to somebody, tell them, and wait for its outcome. Overdue tasks stay open."""

    def enter(self, step: TaskStep, walk: Walk) -> Stop:
        due_at = walk.after(step.due, self._calendar(step, walk))
        notice = walk.key("notice")
        walk.effects.append(
            MakeTask(
                walk.key(),
                notice,
                step.id,
                walk.visit,
                step.type,
                step.task_title,
                step.to,
                step.otherwise,
                step.outcomes,
                due_at,
            )
        )
        walk.say("task", type=step.type, due=due_at.isoformat())
        walk.set_phase("telling", due_at=due_at.isoformat())
        return Stop("send", send_key=notice)

    def resume(self, step: TaskStep, walk: Walk, cause: Cause) -> Target | Stop:
        if isinstance(cause, MessageFinished):
            return self._wait(walk, datetime.fromisoformat(walk.state.data["due_at"]))
        if isinstance(cause, BranchTaken):
            outcome = str(cause.properties.get("outcome", ""))
            walk.say("task", outcome=outcome)
            return step.on.get(outcome, step.next)
        if isinstance(cause, TimedOut):
            walk.effects.append(MarkOverdue(walk.key()))
            walk.say("task", overdue=True)
            return self._wait(walk, None)
        raise HoldError(f"`{step.id}` waits for its outcome only")

    def _wait(self, walk: Walk, due_at: datetime | None) -> Stop:
        task_id = walk.facts.references.get(walk.key())
        if task_id is None:
            raise HoldError(f"the task of `{walk.state.step}` is missing")
        walk.set_phase("open")
        return wait_for(due_at, walk.arm(event_about("task_done", "task", task_id)))

    def _calendar(self, step: TaskStep, walk: Walk) -> Calendar | None:
        name = step.to if step.to in walk.facts.queues else step.otherwise
        queue = walk.facts.queues.get(name) if name else None
        return walk.facts.calendars.get(queue.calendar) if queue and queue.calendar else None
