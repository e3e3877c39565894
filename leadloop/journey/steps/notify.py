"""`notify: {to, template}`."""

from __future__ import annotations

from leadloop.journey.effects import AskCall, Notify
from leadloop.journey.state import CallFinished, Cause, MessageFinished, Stop
from leadloop.journey.walk import HoldError, Walk
from leadloop.language.plan import NotifyStep, Target

CHAT = "slack"


class NotifyHandler:
    """Tell a person about the lead, by mail or in the team's chat, and go on whatever comes of it."""

    def enter(self, step: NotifyStep, walk: Walk) -> Stop:
        key = walk.key("notify")
        walk.set_phase("telling")
        if step.to == CHAT:
            walk.say("notify", to=CHAT, template=step.template)
            walk.effects.append(AskCall(key, step.id, walk.visit, "chat", CHAT, step.template))
            return Stop("call", call_key=key)
        walk.say("notify", to="address" if "@" in step.to else step.to, template=step.template)
        walk.effects.append(Notify(key, step.id, walk.visit, step.to, step.template))
        return Stop("send", send_key=key)

    def resume(self, step: NotifyStep, walk: Walk, cause: Cause) -> Target:
        if isinstance(cause, MessageFinished | CallFinished):
            walk.say("notify", status=cause.status)
            return step.next
        raise HoldError(f"`{step.id}` waits for its notice only")
