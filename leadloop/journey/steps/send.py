"""`send: {template}` and `send: {stream}`."""

from __future__ import annotations

from leadloop.journey.state import Cause, Stop
from leadloop.journey.steps import sending
from leadloop.journey.steps.streams import next_item
from leadloop.journey.walk import HoldError, Walk
from leadloop.language.plan import SendStep, Target


class SendHandler:
    """Mail the lead. The step ends when the mail is handed over, skipped or failed."""

    def enter(self, step: SendStep, walk: Walk) -> Target | Stop:
        template = self._template(step, walk)
        if template is None:
            return self._go_on(step, sending.skip(walk, "no_content", stream=step.stream))
        walk.say("send", template=template)
        status = sending.ask(walk, template, step.topic, step.subject)
        return status if isinstance(status, Stop) else self._go_on(step, status)

    def resume(self, step: SendStep, walk: Walk, cause: Cause) -> Target | Stop:
        late = step.on_late == "skip"
        status = sending.finished(walk, cause, step.late, skip_late=late, holds=step.holds)
        return status if isinstance(status, Stop) else self._go_on(step, status)

    def _template(self, step: SendStep, walk: Walk) -> str | None:
        if step.template is not None:
            return step.template
        if step.stream is None:
            raise HoldError(f"`{step.id}` names neither a template nor a stream")
        item = next_item(walk, step.stream)
        return item.template if item is not None else None

    def _go_on(self, step: SendStep, status: str) -> Target:
        if status == "skipped":
            return step.on_skip
        return step.on_fail if status == "failed" else step.next
