"""`await: [branches]` with its timeout."""

from __future__ import annotations

from datetime import datetime

from leadloop.journey.state import BranchTaken, Cause, Stop, TimedOut
from leadloop.journey.walk import HoldError, Walk, wait_for
from leadloop.language.plan import AwaitStep, EventMatch, StageMatch, Target, WhenMatch

_UNSENT = ("skipped", "failed")


class AwaitHandler:
    """Wait for the first of several things, or for the timeout.

    The result `branch` counts from 1 in the order of the file; 0 is the timeout.
    """

    def enter(self, step: AwaitStep, walk: Walk) -> Target | Stop:
        return self._arrive(step, walk)

    def _arrive(self, step: AwaitStep, walk: Walk, **trace: bool) -> Target | Stop:
        for index, branch in enumerate(step.branches):
            if self._already(branch.match, walk):
                walk.say("await", branch=index, already=True)
                walk.set_result(branch=index + 1)
                return branch.go
        if step.branches and all(self._never_sent(branch.match, walk) for branch in step.branches):
            walk.say("await", timed_out=True, reason="none of the mails was sent")
            return self._timed_out(step, walk)
        return self._wait(step, walk, **trace)

    def resume(self, step: AwaitStep, walk: Walk, cause: Cause) -> Target | Stop:
        if isinstance(cause, BranchTaken) and cause.branch < len(step.branches):
            walk.say("await", branch=cause.branch, event=cause.event_type)
            walk.set_result(branch=cause.branch + 1)
            return step.branches[cause.branch].go
        if isinstance(cause, BranchTaken):  # the arm after the branches: the timeout's date is another
            # While it was satisfied no other arm was looked at, so conditions are asked again.
            return self._arrive(step, walk, moved=True)
        if isinstance(cause, TimedOut):
            walk.say("await", timed_out=True)
            return self._timed_out(step, walk)
        raise HoldError(f"`{step.id}` waits for events and time only")

    def _wait(self, step: AwaitStep, walk: Walk, **trace: bool) -> Target | Stop:
        until = step.timeout.until if step.timeout else None
        follow = walk.follow(until.fact if until else None)
        due_at: datetime | None = None
        if step.timeout is None:
            walk.say("await", until=None, **trace)
        elif follow and until is not None and walk.resolved(step.timeout) is None:
            walk.say("await", unknown=until.fact, **trace)
        else:
            due_at, past = walk.resolve(step.timeout)
            if due_at is None:
                walk.say("await", past=True, **trace)
                return past or self._timed_out(step, walk)
            walk.say("await", until=due_at.isoformat(), **trace)
        walk.set_phase("waiting")
        return wait_for(due_at, *(walk.arm_branch(branch) for branch in step.branches), *follow)

    def _timed_out(self, step: AwaitStep, walk: Walk) -> Target:
        walk.set_result(branch=0)
        return step.on_timeout

    def _already(self, match: object, walk: Walk) -> bool:
        """A condition or stage that holds on arrival is taken at once; events look back instead."""
        if isinstance(match, StageMatch):
            return walk.facts.values.get("lead.stage") in match.stages
        return isinstance(match, WhenMatch) and walk.is_true(match.when)

    def _never_sent(self, match: object, walk: Walk) -> bool:
        if not isinstance(match, EventMatch) or not match.of:
            return False
        return all(walk.state.send_status.get(step, "skipped") in _UNSENT for step in match.of)
