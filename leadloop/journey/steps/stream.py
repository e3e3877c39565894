"""`stream: {of, every}`: the next content the lead has not had, again and again."""

from __future__ import annotations

from collections.abc import Iterable

from leadloop.conditions import EvaluationError, evaluate
from leadloop.journey.state import Cause, Stop, TimedOut
from leadloop.journey.steps import sending
from leadloop.journey.walk import HoldError, Walk, wait_for
from leadloop.language.plan import Stream, StreamItem, StreamStep, Target

_RESTING = "resting"


class StreamHandler:
    """One cast, a rest, the next cast, until the content is exhausted or `until` is true.

    Streams are read live. Each item is asked for at most once per journey, so that a mail that is
    skipped every time cannot make an endless loop.
    """

    def enter(self, step: StreamStep, walk: Walk) -> Target | Stop:
        return self._cast(step, walk)

    def resume(self, step: StreamStep, walk: Walk, cause: Cause) -> Target | Stop:
        if walk.state.phase == _RESTING and isinstance(cause, TimedOut):
            return self._cast(step, walk)
        status = sending.finished(walk, cause)
        if isinstance(status, Stop):
            return status
        tried = [*walk.state.data.get("tried", ()), walk.state.data["template"]]
        due_at = walk.after(step.every)
        walk.set_phase(_RESTING, tried=tried, asked_at=None)
        return wait_for(due_at)

    def _cast(self, step: StreamStep, walk: Walk) -> Target | Stop:
        if step.until is not None and walk.holds(step.until, "stream until"):
            return step.go or step.next
        stream = walk.facts.streams.get(step.stream)
        if stream is None:
            raise HoldError(f"no stream `{step.stream}` is published")
        tried = tuple(walk.state.data.get("tried", ()))
        item = next((item for item in _ordered(stream) if self._fits(item, walk, tried)), None)
        if item is None:
            walk.say("stream", of=step.stream, exhausted=True)
            return step.on_exhausted
        walk.say("stream", of=step.stream, template=item.template)
        walk.count_cast()
        return sending.ask(walk, item.template, step.topic)

    def _fits(self, item: StreamItem, walk: Walk, tried: tuple[str, ...]) -> bool:
        if item.template in tried or item.template in walk.facts.had_templates:
            return False
        today = walk.now.astimezone(walk.facts.zone).date()
        if item.from_day is not None and today < item.from_day:
            return False
        if item.until_day is not None and today > item.until_day:
            return False
        if item.when is None:
            return True
        try:
            return evaluate(item.when, walk.facts.values).truth is True
        except EvaluationError as error:
            raise HoldError(f"condition of stream item {item.template} failed: {error}") from error


def _ordered(stream: Stream) -> Iterable[StreamItem]:
    return reversed(stream.items) if stream.order == "newest" else stream.items
