"""Where a plan can go: every way out of every step, and the loops that lack a wait or a bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from leadloop.language.plan import (
    AgainStep,
    AwaitStep,
    Branch,
    ExperimentStep,
    HandOffStep,
    IfStep,
    RecycleStep,
    RepeatStep,
    SendStep,
    Step,
    StreamStep,
    SwitchStep,
    Target,
    TaskStep,
    WaitSpec,
    WaitStep,
    WebhookStep,
)

Property = Literal["wait", "bound"]

MOST_WAYS = 20_000
"""So many ways are followed that look back to a send: a hostile file must not cost more."""


class Edge(NamedTuple):
    """One way out of a step."""

    label: str
    target: Target
    waits: bool = False
    """Time or an event must come first."""
    bounded: bool = False
    """It can be taken only so often in one journey, or one time less at every round."""
    sends: tuple[str, ...] = ()
    """It looks back to these sends: it waits only where one of them was made in the same round."""
    by_again: bool = False
    """Taken only from the end of a loop's body, a step that pictures leave out."""


def edges(step: Step) -> list[Edge]:
    """Return every way out of a step, with the words of its setting."""
    if isinstance(step, SendStep):
        # An item of a stream is sent once: content runs out.
        sent = Edge("", step.next, bounded=step.stream is not None)
        return [sent, Edge("skipped", step.on_skip), Edge("failed", step.on_fail)]
    if isinstance(step, WaitStep):
        return _timed("", step.wait, step.next)
    if isinstance(step, AwaitStep):
        branches = [_branch(branch) for branch in step.branches]
        if step.timeout is None:
            return branches
        return [*branches, *_timed("timeout", step.timeout, step.on_timeout)]
    if isinstance(step, IfStep):
        return [Edge("yes", step.then), Edge("no", step.otherwise)]
    if isinstance(step, SwitchStep):
        return [*(Edge(case.when.source, case.go) for case in step.cases), Edge("else", step.otherwise)]
    if isinstance(step, ExperimentStep):
        # The rest takes the way of the arm that won: it has none of its own.
        arms = [Edge(one.name, one.go) for one in step.variants]
        return [*arms, *([Edge("control", step.next)] if step.control else [])]
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
        bounded = step.max_cycles is not None
        bypass = [Edge(_label(branch.match), branch.go, True, bounded) for branch in step.bypass]
        most = [Edge("max_cycles", step.on_max)] if bounded else []
        return [Edge("", step.next, True, bounded), *bypass, *most]
    if isinstance(step, TaskStep):
        return _task(step)
    if isinstance(step, WebhookStep):
        return [Edge("", step.next), Edge("failed", step.on_fail)]
    if isinstance(step, RepeatStep):
        return [Edge("", step.first), Edge("done", step.next, by_again=step.condition is None)]
    if isinstance(step, AgainStep):
        return [Edge("again", step.first, bounded=True), Edge("", step.next)]
    return [Edge("", step.next)]


def _timed(label: str, wait: WaitSpec, target: Target) -> list[Edge]:
    # A fixed date, or a date of the lead, may be past already: then nothing waits.
    waits = wait.until is None or wait.until.weekday is not None
    past = [] if wait.if_past is None else [Edge("past", wait.if_past)]
    return [Edge(label, target, waits), *past]


def _branch(branch: Branch) -> Edge:
    # A condition may be true on arrival, and `since` looks back; other events come after it.
    match = branch.match
    waits = match.kind != "when" and branch.since is None
    sends = match.of if match.kind == "event" and waits else ()
    return Edge(_label(match), branch.go, waits, sends=sends)


def _task(step: TaskStep) -> list[Edge]:
    outcomes = [Edge(outcome, target, True) for outcome, target in step.on.items()]
    again = [] if step.retry is None else [Edge("retry", Target(step=step.id), True, bounded=True)]
    overdue = [] if step.on_overdue is None else [Edge("overdue", step.on_overdue, True)]
    return [*outcomes, *again, *overdue]


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


def reachable(steps: Mapping[str, Step], starts: Iterable[str], extra: Mapping[str, set[str]]) -> set[str]:
    """Return the steps that can be reached; `extra` has further ways out per step."""
    seen: set[str] = set()
    queue = [start for start in starts if start in steps]
    while queue:
        step_id = queue.pop()
        if step_id in seen:
            continue
        seen.add(step_id)
        following = {_to(edge) for edge in edges(steps[step_id])} | extra.get(step_id, set())
        queue += [one for one in following if one in steps and one not in seen]
    return seen


def cycles_without(steps: Mapping[str, Step], wanted: Property) -> Iterator[list[str]]:
    """Yield loops in which nothing waits, or which nothing bounds, as step ids in their order.

    None is yielded if and only if every loop of the plan has the property; of several loops through
    the same steps not every one is.
    """
    ways = {
        one: [edge for edge in edges(step) if edge.target.step in steps and not edge.by_again]
        for one, step in steps.items()
    }
    if wanted == "bound":
        yield from _loops({one: [_to(edge) for edge in out if not edge.bounded] for one, out in ways.items()})
        return
    yield from _loops({one: [_to(edge) for edge in out if not edge.waits] for one, out in ways.items()})
    quick = {one: [edge for edge in out if not edge.waits or edge.sends] for one, out in ways.items()}
    for step_id, out in quick.items():
        for edge in out:
            path = _looking_back(quick, step_id, edge) if edge.sends else None
            if path is not None:
                yield path


def _to(edge: Edge) -> str:
    return edge.target.step or ""


def _looking_back(ways: Mapping[str, list[Edge]], start: str, first: Edge) -> list[str] | None:
    """Return a loop that begins with `first` and makes none of the sends that its edges look back to.

    An event of such a send came before the loop and is found again in every round.
    """
    queue = [([start], first, frozenset[str]())]
    for _ in range(MOST_WAYS):
        if not queue:
            break
        path, edge, sends = queue.pop()
        sends |= set(edge.sends)
        after = _to(edge)
        if sends & {*path, after}:
            continue
        if after == start:
            return path
        if after not in path:
            queue += [([*path, after], one, sends) for one in ways[after]]
    return None


def _loops(ways: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """Yield loops of a graph: one for every way back that a search in depth finds."""
    done: set[str] = set()
    for start in ways:
        if start in done:
            continue
        path, stack = [start], [iter(ways[start])]
        on_path = {start}
        while stack:
            after = next(stack[-1], None)
            if after is None:
                stack.pop()
                ended = path.pop()
                on_path.discard(ended)
                done.add(ended)
            elif after in on_path:
                yield path[path.index(after) :]
            elif after not in done:
                path.append(after)
                on_path.add(after)
                stack.append(iter(ways[after]))
