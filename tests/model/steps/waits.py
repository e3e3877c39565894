"""Waiting for time and for what the lead does."""

from __future__ import annotations

from typing import Any

from leadloop.language import plan as p
from tests.model.position import Cause
from tests.model.walk import Walk


def wait(walk: Walk, step: p.WaitStep, **told: bool) -> p.Target | None:
    """Wait for an instant; one that counts from a date follows it, and waits where none is known."""
    until = step.wait.until
    follow = walk.follow(until.fact if until else None)
    resolved = walk.resolve(step.wait)
    walk.at.phase = "waiting"
    if resolved is None:
        assert follow, "a wait counts from a date that nobody knows"
        walk.say("wait", unknown=until.fact if until else None, **told)
        walk.wait(None, *follow)
    elif resolved.past:
        walk.say("wait", past=True, **told)
        return step.wait.if_past or step.next
    else:
        walk.say("wait", until=resolved.at.isoformat(), **told)
        walk.wait(resolved.at, *follow)
    return None


def waited(walk: Walk, step: p.WaitStep, cause: Cause) -> p.Target | None:
    return step.next if cause.kind == "time" else wait(walk, step, moved=True)


def await_(walk: Walk, step: p.AwaitStep, **told: bool) -> p.Target | None:
    """What holds on arrival is taken at once; waiting for mails that were never sent is no use."""
    for index, branch in enumerate(step.branches):
        match = branch.match
        already = isinstance(match, p.WhenMatch) and walk.holds(match.when)
        if already or (isinstance(match, p.StageMatch) and walk.story.lead.stage in match.stages):
            walk.say("await", branch=index, already=True)
            walk.at.result(branch=index + 1)
            return branch.go
    if step.branches and all(_is_vain(walk, branch.match) for branch in step.branches):
        walk.say("await", timed_out=True, reason="none of the mails was sent")
        return _timed_out(walk, step)
    return _stay(walk, step, told)


def _stay(walk: Walk, step: p.AwaitStep, told: dict[str, bool]) -> p.Target | None:
    until = step.timeout.until if step.timeout else None
    follow = walk.follow(until.fact if until else None)
    resolved = walk.resolve(step.timeout) if step.timeout else None
    arms = [*(walk.arm_branch(branch) for branch in step.branches), *follow]
    if step.timeout is None:
        walk.say("await", until=None, **told)
    elif resolved is None:
        walk.say("await", unknown=until.fact if until else None, **told)
    elif resolved.past:
        walk.say("await", past=True, **told)
        return step.timeout.if_past or _timed_out(walk, step)
    else:
        walk.say("await", until=resolved.at.isoformat(), **told)
    walk.at.phase = "waiting"
    walk.wait(resolved.at if resolved else None, *arms)
    return None


def awaited(walk: Walk, step: p.AwaitStep, cause: Cause) -> p.Target | None:
    if cause.kind == "time":
        walk.say("await", timed_out=True)
        return _timed_out(walk, step)
    if cause.branch >= len(step.branches):  # the date of the timeout is another one
        return await_(walk, step, moved=True)
    walk.say("await", branch=cause.branch, event=cause.fact.type if cause.fact else None)
    walk.at.result(branch=cause.branch + 1)
    return step.branches[cause.branch].go


def _timed_out(walk: Walk, step: p.AwaitStep) -> p.Target:
    walk.at.result(branch=0)
    return step.on_timeout


def _is_vain(walk: Walk, match: Any) -> bool:
    """Return whether a branch waits for mails of which none went out."""
    if not isinstance(match, p.EventMatch) or not match.of:
        return False
    return all(walk.at.ended.get(step, "skipped") in ("skipped", "failed") for step in match.of)
