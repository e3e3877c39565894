"""`wait: …`."""

from __future__ import annotations

from leadloop.journey.state import Cause, Stop, TimedOut
from leadloop.journey.walk import HoldError, Walk, wait_for
from leadloop.language.plan import Target, WaitStep


class WaitHandler:
    """Sleep until an instant, resolved once in the lead's zone."""

    def enter(self, step: WaitStep, walk: Walk) -> Target | Stop:
        due_at, past = walk.resolve(step.wait)
        if due_at is None:
            walk.say("wait", past=True)
            return past or step.next
        walk.say("wait", until=due_at.isoformat())
        walk.set_phase("waiting")
        return wait_for(due_at)

    def resume(self, step: WaitStep, walk: Walk, cause: Cause) -> Target:
        if isinstance(cause, TimedOut):
            return step.next
        raise HoldError(f"`{step.id}` waits for time only")
