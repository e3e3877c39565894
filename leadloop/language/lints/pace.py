"""More mail than the caps allow: sends on one way that only time separates."""

from __future__ import annotations

from collections.abc import Iterator

from leadloop.language.plan import (
    AgainStep,
    AwaitStep,
    ExitStep,
    ExperimentStep,
    Frequency,
    HandOffStep,
    IfStep,
    RecycleStep,
    RepeatStep,
    SendStep,
    Span,
    Step,
    StreamStep,
    SwitchStep,
    Target,
    TaskStep,
    WaitStep,
)
from leadloop.language.steps.building import Building

ALL = "all"
MOST_STATES = 5_000
"""A plan with more ways than this is not looked at to the end."""
_SECONDS = {
    "seconds": 1,
    "minutes": 60,
    "hours": 3600,
    "days": 86400,
    "weeks": 604800,
    "months": 30 * 86400,
    "business_minutes": 60,
    "business_hours": 3600,
    "business_days": 86400,
}

Mail = SendStep | StreamStep


def lint_pace(building: Building) -> None:
    """Report the mail by which a way through the plan exceeds a cap of `limits.frequency`.

    Only ways that time alone decides are counted: where a lead's own deed, a date of a record or a
    person of ours comes between two mails, nobody knows how long it takes.
    """
    workspace = building.vocabulary.workspace
    for topic, cap in workspace.limits.frequency.items():
        counted = {
            step.id: step
            for step in building.steps.values()
            if isinstance(step, SendStep | StreamStep)
            and (topic in (ALL, step.topic))
            and step.topic in workspace.topics
            and workspace.topics[step.topic].caps == "count"
        }
        told: set[str] = set()
        for start in counted:
            for path in _over(building.steps, counted, start, cap):
                last = path[-1]
                if last in told:
                    continue
                told.add(last)
                building.lint(
                    last,
                    "SCN509",
                    mails=", ".join(dict.fromkeys(path)),
                    topic=topic,
                    cap=f"{cap.count} per {_words(cap.per)}",
                )


def seconds(span: Span) -> int:
    """Return about how long a span is at least, in seconds."""
    return span.amount * _SECONDS[span.unit]


def _over(
    steps: dict[str, Step], counted: dict[str, Mail], start: str, cap: Frequency
) -> Iterator[tuple[str, ...]]:
    """Yield the mails of ways from `start` that make more than the cap allows within its time."""
    window = seconds(cap.per)
    seen: set[tuple[str, int, int]] = set()
    queue: list[tuple[str, int, tuple[str, ...]]] = [(start, 0, ())]
    while queue and len(seen) < MOST_STATES:
        step_id, elapsed, mails = queue.pop()
        step = steps[step_id]
        if step_id in counted:
            mails = (*mails, *[step_id] * _casts(step, window - elapsed))
            if len(mails) > cap.count:
                yield mails
                continue
        if (step_id, elapsed, len(mails)) in seen:
            continue
        seen.add((step_id, elapsed, len(mails)))
        for target, length in _timed_ways(step):
            if target.step in steps and elapsed + length < window:
                queue.append((target.step, elapsed + length, mails))


def _casts(step: Step, left: int) -> int:
    """Return how often a step mails within the seconds that are left."""
    if not isinstance(step, StreamStep):
        return 1
    return max(1, -(-left // max(1, seconds(step.every))))


def _timed_ways(step: Step) -> list[tuple[Target, int]]:
    """Return the ways out that only time decides, with the seconds they take at least."""
    if isinstance(step, WaitStep):
        return [] if step.wait.span is None else [(step.next, seconds(step.wait.span))]
    if isinstance(step, AwaitStep):
        span = step.timeout.span if step.timeout is not None else None
        return [] if span is None else [(step.on_timeout, seconds(span))]
    if isinstance(step, IfStep):
        return [(step.then, 0), (step.otherwise, 0)]
    if isinstance(step, SwitchStep):
        return [*((case.go, 0) for case in step.cases), (step.otherwise, 0)]
    if isinstance(step, ExperimentStep):
        return [(one.go, 0) for one in step.variants]
    if isinstance(step, RepeatStep):
        return [(step.first, 0)]
    if isinstance(step, AgainStep):
        return [(step.first, 0), (step.next, 0)]
    if isinstance(step, StreamStep | HandOffStep | RecycleStep | TaskStep | ExitStep):
        return []
    return [(step.next, 0)]


def _words(span: Span) -> str:
    unit = span.unit.replace("_", " ")
    return unit.removesuffix("s") if span.amount == 1 else f"{span.amount} {unit}"
