"""Which steps no timeline reached, and what a person may choose to see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from leadloop.journey.simulation.matcher_words import describe_condition
from leadloop.journey.simulation.timeline import Timeline
from leadloop.language.plan import (
    AwaitStep,
    EventMatch,
    ExperimentStep,
    HandOffStep,
    IfStep,
    Plan,
    Step,
    SwitchStep,
    Target,
    TaskStep,
    WebhookStep,
)

_HOUR = timedelta(hours=1)
_LONG = timedelta(days=2)
_MADE_BY_COMPILER = "/"
"""Part of the ids of steps that have none of their own."""


@dataclass(frozen=True)
class Unreached:
    """A step that nobody came to, and an option that leads there; empty where none is known."""

    step: str
    hint: str = ""


def unreached(plan: Plan, timelines: Iterable[Timeline]) -> list[Unreached]:
    """Return the steps that no timeline reached, in the order of the plan.

    A hint stands at the steps that a reached one leads to; those behind them follow.
    """
    timelines = list(timelines)
    reached = {step for timeline in timelines for step in timeline.visited}
    missing = [name for name in plan.steps if name not in reached and _MADE_BY_COMPILER not in name]
    hints: dict[str, str] = {}
    for name in (one for one in plan.steps if one in reached):
        for target, option in _options(plan.steps[name], timelines):
            if target.step in missing:
                hints.setdefault(str(target.step), option)
    return [Unreached(name, hints.get(name, "")) for name in missing]


def _options(step: Step, timelines: list[Timeline]) -> Iterator[tuple[Target, str]]:
    """Yield (where it leads, the option that leads there)."""
    if isinstance(step, AwaitStep):
        for branch in step.branches:
            if isinstance(branch.match, EventMatch):
                yield branch.go, f"--do '{_while_waiting(step, timelines)} {_deed(branch.match)}'"
    elif isinstance(step, TaskStep):
        for outcome, target in step.on.items():
            yield target, f"--outcome {step.id}={outcome}"
        if step.on_overdue is not None:
            yield step.on_overdue, f"--outcome {step.id}=overdue"
    elif isinstance(step, HandOffStep):
        for outcome in ("won", "lost", "rejected", "expired"):
            yield getattr(step, f"on_{outcome}"), f"--outcome {step.id}={outcome}"
    elif isinstance(step, WebhookStep):
        yield step.on_fail, "--webhook-fails"
    elif isinstance(step, ExperimentStep):
        for variant in step.variants:
            yield variant.go, f"--arm {step.id}={variant.name}"
        yield step.next, f"--arm {step.id}=control"
    elif isinstance(step, IfStep):
        told = describe_condition(step.condition)
        yield step.then, f"--lead FILE, a lead with {told}"
        yield step.otherwise, f"--lead FILE, a lead without {told}"
    elif isinstance(step, SwitchStep):
        for case in step.cases:
            yield case.go, f"--lead FILE, a lead with {describe_condition(case.when)}"
        yield step.otherwise, "--lead FILE, a lead for whom no case is true"


def _while_waiting(step: AwaitStep, timelines: list[Timeline]) -> str:
    """Return a time after the entry at which a timeline waits in the step: `3d`, `20h`."""
    for timeline in timelines:
        for line in timeline.lines:
            if line.step != step.id or line.kind != "wait":
                continue
            entered = next(one.at for one in timeline.lines if one.kind == "enter")
            until = line.detail.get("until")
            left = datetime.fromisoformat(until) - line.at if until else _LONG
            if left >= _LONG:
                return f"{(line.at - entered).days + 1}d"
            return f"{int((line.at - entered + left / 2) / _HOUR)}h"
    return "1d"


def _deed(match: EventMatch) -> str:
    parts = [match.event]
    for one in match.properties:
        parts.append(f"{one.name}={one.values[0] if one.values else one.prefix}")
    if match.of:
        parts.append(f"of={match.of[0]}")
    return " ".join(parts)
