"""The checks of a whole scenario: steps named that are not there, steps never reached, endless loops."""

from __future__ import annotations

from collections.abc import Mapping

from leadloop.language.flow import cycles_without, edges, reachable
from leadloop.language.plan import AgainStep, ExitStep, Target
from leadloop.language.results import fact_name
from leadloop.language.steps.building import Building
from leadloop.language.suggest import Suggestion

_MAILS = ("send", "stream")
MOST_LOOKED_BACK = 300
"""So many steps are followed that others look back to: a hostile file must not cost more."""


def check_references(building: Building) -> None:
    """Report steps that a target, an `of` or a `since` names and that do not exist, or do not send."""
    known = {step_id: None for step_id in building.kinds if "/" not in step_id}
    for jump in building.jumps:
        if jump.step_id not in known:
            hint: object = Suggestion(jump.step_id, known)
            if jump.step_id == "exit":
                alone = building.kinds.get(jump.origin) == "go"
                hint = "write `exit: OUTCOME` instead of `go`" if alone else "write `{exit: OUTCOME}`"
            building.report.add("SCN402", jump.node.place, id=jump.step_id, suggestion=hint)
    for reference in building.references:
        if reference.result:
            continue
        kind = building.kinds.get(reference.step_id)
        place = reference.node.place
        if kind is None:
            near = [one for one in known if not reference.must_send or building.kinds[one] in _MAILS]
            suggestion = Suggestion(reference.step_id, near)
            building.report.add("SCN402", place, id=reference.step_id, suggestion=suggestion)
        elif reference.must_send and kind not in _MAILS:
            building.report.add("SCN406", place, id=reference.step_id, kind=kind)


def check_flow(building: Building, first: Target, starts: list[str | None]) -> None:
    """Report steps that nothing leads to, or that look back in vain, and loops without wait or bound."""
    jumps: dict[str, set[str]] = {}
    for jump in building.jumps:
        jumps.setdefault(jump.origin, set()).add(jump.step_id)
    for origin, target in building.nested:
        jumps.setdefault(origin, set()).add(target)
    begins = [first.step or "", *(start for start in starts if start is not None)]
    reached = reachable(building.steps, begins, jumps)
    for step_id, step in building.steps.items():
        if step_id in reached or isinstance(step, AgainStep):
            continue
        if isinstance(step, ExitStep):
            # A fence behind a step that always jumps: harmless, so a warning.
            building.lint(step_id, "SCN506")
        else:
            fix = (
                "remove it, or give it an `id` and jump to it"
                if "/" in step_id
                else f"remove it, or jump to it with `go: {step_id}`"
            )
            building.report.add("SCN404", building.places[step_id], fix=fix)
        reached |= reachable(building.steps, [step_id], jumps)
    _check_order(building, jumps)
    _check_loops(building)


def _check_order(building: Building, jumps: dict[str, set[str]]) -> None:
    """Report steps that a step looks back to and that never come before it."""
    results = {fact_name(step_id): step_id for step_id in building.kinds if "/" not in step_id}
    ways = {
        step_id: {edge.target.step for edge in edges(step)} | jumps.get(step_id, set())
        for step_id, step in building.steps.items()
    }
    after: dict[str, set[str | None]] = {}
    for one in building.references:
        step_id = results.get(one.step_id) if one.result else one.step_id
        if step_id not in building.kinds or one.origin in ("", step_id):
            continue
        if building.kinds[one.origin] == "experiment":  # its metric counts what its arms will send
            continue
        if step_id not in after:
            if len(after) == MOST_LOOKED_BACK:
                return
            after[step_id] = _after(step_id, ways)
        if not {one.origin, f"{one.origin}/again"} & after[step_id]:  # a `while` is asked again
            building.report.add("SCN413", one.node.place, id=step_id)


def _after(start: str, ways: Mapping[str, set[str | None]]) -> set[str | None]:
    """Return the steps that a step leads to, itself only by a loop."""
    seen: set[str | None] = set()
    queue: set[str | None] = set(ways.get(start, ()))
    while queue:
        seen |= queue
        queue = set().union(*(ways.get(one or "", ()) for one in queue)) - seen
    return seen


def _check_loops(building: Building) -> None:
    endless: list[set[str]] = []
    for loop in cycles_without(building.steps, "wait"):
        endless.append(set(loop))
        building.report.add("SCN405", building.places[loop[0]], path=_path(loop))
    for loop in cycles_without(building.steps, "bound"):
        if set(loop) not in endless:  # one problem is told once
            building.report.add("SCN412", building.places[loop[0]], path=_path(loop))


def _path(loop: list[str]) -> str:
    return " → ".join([*loop, loop[0]])
