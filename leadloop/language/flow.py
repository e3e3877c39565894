"""Where a plan can go: edges, steps that nothing leads to, and loops that never wait."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from leadloop.language.plan import (
    AwaitStep,
    HandOffStep,
    IfStep,
    RecycleStep,
    SendStep,
    Step,
    StreamStep,
    Target,
    TaskStep,
    WaitStep,
)


class Edge(NamedTuple):
    """One way out of a step. `waits` is true where time or an event must come first."""

    label: str
    target: Target
    waits: bool = False


def edges(step: Step) -> list[Edge]:
    """Return every way out of a step, with the words of its setting."""
    if isinstance(step, SendStep):
        return [Edge("", step.next), Edge("skipped", step.on_skip), Edge("failed", step.on_fail)]
    if isinstance(step, WaitStep):
        # A fixed date or a date of the lead may be past already: then nothing waits.
        until = step.wait.until
        waits = until is None or until.weekday is not None
        past = [] if step.wait.if_past is None else [Edge("past", step.wait.if_past)]
        return [Edge("", step.next, waits), *past]
    if isinstance(step, AwaitStep):
        # A condition may be true on arrival; an event is looked for since the arrival.
        branches = [
            Edge(_label(branch.match), branch.go, branch.match.kind != "when") for branch in step.branches
        ]
        if step.timeout is None:
            return branches
        until = step.timeout.until
        waits = until is None or until.weekday is not None
        past = [] if step.timeout.if_past is None else [Edge("past", step.timeout.if_past)]
        return [*branches, Edge("timeout", step.on_timeout, waits), *past]
    if isinstance(step, IfStep):
        return [Edge("yes", step.then), Edge("no", step.otherwise)]
    if isinstance(step, StreamStep):
        ended = [] if step.until is None else [Edge("until", step.go or step.next)]
        return [*ended, Edge("exhausted", step.on_exhausted)]
    if isinstance(step, HandOffStep):
        return [
            Edge("won", step.on_won, True),
            Edge("lost", step.on_lost, True),
            Edge("rejected", step.on_rejected, True),
            Edge("expired", step.on_expired, True),
        ]
    if isinstance(step, RecycleStep):
        most = [] if step.max_cycles is None else [Edge("max_cycles", step.on_max)]
        bypass = [Edge(_label(branch.match), branch.go, True) for branch in step.bypass]
        return [Edge("", step.next, True), *bypass, *most]
    if isinstance(step, TaskStep):
        return [Edge(outcome, target, True) for outcome, target in step.on.items()]
    return [Edge("", step.next)]


def _label(match: object) -> str:
    for name in ("event", "stages", "when"):
        value = getattr(match, name, None)
        if value is not None:
            return (
                value.source
                if hasattr(value, "source")
                else ", ".join(value)
                if isinstance(value, tuple)
                else str(value)
            )
    return ""


def reachable(steps: dict[str, Step], starts: Iterable[str], extra: dict[str, set[str]]) -> set[str]:
    """Return the steps that can be reached; `extra` has further ways out per step."""
    seen: set[str] = set()
    queue = [start for start in starts if start in steps]
    while queue:
        step_id = queue.pop()
        if step_id in seen:
            continue
        seen.add(step_id)
        following = {edge.target.step for edge in edges(steps[step_id])} | extra.get(step_id, set())
        queue += [one for one in following if one in steps and one not in seen]
    return seen


def endless_loops(steps: dict[str, Step]) -> Iterator[list[str]]:
    """Yield each loop in which nothing waits, as step ids; one for every step where one begins."""
    quick = {
        step_id: [edge.target.step for edge in edges(step) if not edge.waits and edge.target.step in steps]
        for step_id, step in steps.items()
    }
    done: set[str] = set()
    for start in steps:
        path: list[str] = []
        stack = [(start, iter(quick[start]))] if start not in done else []
        while stack:
            step_id, following = stack[-1]
            if len(path) < len(stack):
                path.append(step_id)
            after = next(following, None)
            if after is None:
                done.add(step_id)
                stack.pop()
                path.pop()
            elif after in path:
                yield path[path.index(after) :]
            elif after not in done:
                stack.append((after, iter(quick[after])))
