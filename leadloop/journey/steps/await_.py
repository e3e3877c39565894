"""`await: [branches]` with its timeout."""

from __future__ import annotations

from leadloop.conditions import EvaluationError, evaluate
from leadloop.journey.state import BranchTaken, Cause, Stop, TimedOut
from leadloop.journey.walk import HoldError, Walk, wait_for
from leadloop.language.plan import AwaitStep, EventMatch, StageMatch, Target, WhenMatch

_UNSENT = ("skipped", "failed")


class AwaitHandler:
    """Wait for the first of several things, or for the timeout."""

    def enter(self, step: AwaitStep, walk: Walk) -> Target | Stop:
        for index, branch in enumerate(step.branches):
            if self._already(branch.match, walk):
                walk.say("await", branch=index, already=True)
                return branch.go
        if all(self._never_sent(branch.match, walk) for branch in step.branches):
            walk.say("await", timed_out=True, reason="none of the mails was sent")
            return step.on_timeout
        due_at = None
        if step.timeout is not None:
            due_at, past = walk.resolve(step.timeout)
            if due_at is None:
                walk.say("await", past=True)
                return past or step.on_timeout
        walk.say("await", until=due_at.isoformat() if due_at else None)
        walk.set_phase("waiting")
        return wait_for(due_at, *(walk.arm(branch.match) for branch in step.branches))

    def resume(self, step: AwaitStep, walk: Walk, cause: Cause) -> Target:
        if isinstance(cause, BranchTaken):
            walk.say("await", branch=cause.branch, event=cause.event_type)
            return step.branches[cause.branch].go
        if isinstance(cause, TimedOut):
            walk.say("await", timed_out=True)
            return step.on_timeout
        raise HoldError(f"`{step.id}` waits for events and time only")

    def _already(self, match: object, walk: Walk) -> bool:
        """A condition or stage that holds on arrival is taken at once; events look back instead."""
        if isinstance(match, StageMatch):
            return walk.facts.values.get("lead.stage") in match.stages
        if isinstance(match, WhenMatch):
            try:
                return evaluate(match.when, walk.facts.values).truth is True
            except EvaluationError as error:
                raise HoldError(f"condition of `{walk.state.step}` failed: {error}") from error
        return False

    def _never_sent(self, match: object, walk: Walk) -> bool:
        if not isinstance(match, EventMatch) or not match.of:
            return False
        return all(walk.state.send_status.get(step, "skipped") in _UNSENT for step in match.of)
