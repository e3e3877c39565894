"""`wait: …`."""

from __future__ import annotations

from leadloop.journey.state import Arm, BranchTaken, Cause, Stop, TimedOut
from leadloop.journey.walk import HoldError, Walk, wait_for
from leadloop.language.plan import Target, WaitStep


class WaitHandler:
    """Sleep until an instant, in the lead's zone. A date that may change is followed."""

    def enter(self, step: WaitStep, walk: Walk) -> Target | Stop:
        return self._wait(step, walk)

    def resume(self, step: WaitStep, walk: Walk, cause: Cause) -> Target | Stop:
        if isinstance(cause, TimedOut):
            return step.next
        if isinstance(cause, BranchTaken) and self._follows(step, walk):
            return self._wait(step, walk, moved=True)
        raise HoldError(f"`{step.id}` waits for time only")

    def _wait(self, step: WaitStep, walk: Walk, **trace: bool) -> Target | Stop:
        follow = self._follows(step, walk)
        walk.set_phase("waiting")
        if follow and walk.resolved(step.wait) is None:  # it goes on once somebody enters the date
            walk.say("wait", unknown=step.wait.until.fact if step.wait.until else None, **trace)
            return wait_for(None, *follow)
        due_at, past = walk.resolve(step.wait)
        if due_at is None:
            walk.say("wait", past=True, **trace)
            return past or step.next
        walk.say("wait", until=due_at.isoformat(), **trace)
        return wait_for(due_at, *follow)

    def _follows(self, step: WaitStep, walk: Walk) -> tuple[Arm, ...]:
        until = step.wait.until
        return walk.follow(until.fact if until else None)
