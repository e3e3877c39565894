"""`stream: {of, every}`: the next content the lead has not had, again and again."""

from __future__ import annotations

from leadloop.journey.state import Cause, Stop, TimedOut
from leadloop.journey.steps import sending
from leadloop.journey.steps.streams import next_item
from leadloop.journey.walk import Walk, wait_for
from leadloop.language.plan import StreamStep, Target

RESTING = "resting"


class StreamHandler:
    """One cast, a rest, the next cast, until the content is exhausted or `until` is true.

    Streams are read live. Each item is asked for at most once per journey, so that a mail that is
    skipped every time cannot make an endless loop.
    """

    def enter(self, step: StreamStep, walk: Walk) -> Target | Stop:
        return self._cast(step, walk)

    def resume(self, step: StreamStep, walk: Walk, cause: Cause) -> Target | Stop:
        if walk.state.phase == RESTING and isinstance(cause, TimedOut):
            return self._cast(step, walk)
        status = sending.finished(walk, cause, holds=True)
        return status if isinstance(status, Stop) else self._rest(step, walk)

    def _cast(self, step: StreamStep, walk: Walk) -> Target | Stop:
        if step.until is not None and walk.holds(step.until, "stream until"):
            return step.go or step.next
        item = next_item(walk, step.stream, tuple(walk.state.data.get("tried", ())))
        if item is None:
            walk.say("stream", of=step.stream, exhausted=True)
            return step.on_exhausted
        walk.say("stream", of=step.stream, template=item.template)
        walk.count_cast()
        status = sending.ask(walk, item.template, step.topic)
        return status if isinstance(status, Stop) else self._rest(step, walk)

    def _rest(self, step: StreamStep, walk: Walk) -> Stop:
        tried = [*walk.state.data.get("tried", ()), walk.state.data["template"]]
        due_at = walk.after(step.every)
        walk.set_phase(RESTING, tried=tried, asked_at=None)
        return wait_for(due_at)
