"""`webhook: {to}`."""

from __future__ import annotations

from leadloop.journey.effects import AskCall
from leadloop.journey.failures import HeldCode
from leadloop.journey.state import CallFinished, Cause, Stop
from leadloop.journey.walk import HoldError, Walk
from leadloop.language.plan import Target, WebhookStep

DONE = "done"
FAILED = "failed"
CALL_PART = "call"
"""What the key of a visit's call has beside the step and the visit."""


class WebhookHandler:
    """Call an outside address, and go on when it has answered or failed for good."""

    def enter(self, step: WebhookStep, walk: Walk) -> Stop:
        key = walk.key(CALL_PART)
        walk.effects.append(AskCall(key, step.id, walk.visit, "webhook", step.to))
        walk.say("webhook", to=step.to)
        walk.set_phase("calling")
        return Stop("call", call_key=key)

    def resume(self, step: WebhookStep, walk: Walk, cause: Cause) -> Target:
        if not isinstance(cause, CallFinished):
            raise HoldError(f"`{step.id}` waits for its call only")
        done = cause.status == DONE
        code = {} if cause.code is None else {"code": cause.code}
        walk.set_result(status=DONE if done else FAILED, **code)
        walk.say("webhook", to=step.to, status=cause.status, code=cause.code)
        if not done and step.holds:
            text = f"the call of `{step.id}` to `{step.to}` failed: {cause.reason or 'no answer'}"
            raise HoldError(text, HeldCode.CALL_FAILED)
        return step.next if done else step.on_fail
