"""`send: {template}`."""

from __future__ import annotations

from leadloop.journey.state import Cause, Stop
from leadloop.journey.steps import sending
from leadloop.journey.walk import Walk
from leadloop.language.plan import SendStep, Target


class SendHandler:
    """Mail the lead. The step ends when the mail is handed over, skipped or failed."""

    def enter(self, step: SendStep, walk: Walk) -> Stop:
        walk.say("send", template=step.template)
        return sending.ask(walk, step.template, step.topic, step.subject)

    def resume(self, step: SendStep, walk: Walk, cause: Cause) -> Target | Stop:
        status = sending.finished(walk, cause, step.late, skip_late=step.on_late == "skip")
        if isinstance(status, Stop):
            return status
        if status == "skipped":
            return step.on_skip
        return step.on_fail if status == "failed" else step.next
