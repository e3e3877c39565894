"""What differs between two publications: parts, scenarios, steps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from leadloop.language.plan import AgainStep, Plan, Publication, Step

Change = Literal["added", "removed", "changed"]
ORDER = "order of steps"
_SOURCE = "source:"


@dataclass(frozen=True)
class StepChange:
    """A step that only one version has, or that is not the same in both."""

    step: str
    change: Change
    kind: str
    title: str = ""


@dataclass(frozen=True)
class ScenarioChange:
    """What differs in one scenario. `settings` names what is above its steps."""

    scenario: str
    change: Change
    steps: tuple[StepChange, ...] = ()
    settings: tuple[str, ...] = ()


def part_changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[Change, list[str]]:
    """Return the parts that differ, by name (`plan:welcome`). Sources say nothing of their own."""
    old = {name: digest for name, digest in before.items() if not name.startswith(_SOURCE)}
    new = {name: digest for name, digest in after.items() if not name.startswith(_SOURCE)}
    return {
        "added": sorted(new.keys() - old.keys()),
        "changed": sorted(name for name in new.keys() & old.keys() if new[name] != old[name]),
        "removed": sorted(old.keys() - new.keys()),
    }


def scenario_changes(old: Publication | None, new: Publication) -> list[ScenarioChange]:
    """Return the scenarios that differ, by name."""
    before = old.plans if old is not None else {}
    changes = [
        _scenario_change(name, before.get(name), new.plans.get(name))
        for name in sorted(before.keys() | new.plans.keys())
    ]
    return [one for one in changes if one is not None]


def _scenario_change(name: str, old: Plan | None, new: Plan | None) -> ScenarioChange | None:
    if old is None or new is None:
        return _whole(name, old, "removed") if old is not None else _whole(name, new, "added")
    steps = _step_changes(_own_steps(old), _own_steps(new))
    settings = _settings(old, new)
    if not steps and not settings:
        if _flow(old) == _flow(new):
            return None
        settings = (ORDER,)
    return ScenarioChange(name, "changed", steps, settings)


def _whole(name: str, plan: Plan | None, change: Change) -> ScenarioChange:
    steps = tuple(_step_change(step, change) for step in _own_steps(plan).values())
    return ScenarioChange(name, change, steps)


def _step_changes(old: Mapping[str, Step], new: Mapping[str, Step]) -> tuple[StepChange, ...]:
    """Return the steps that differ: those of the new version in its order, then the removed ones."""
    found = []
    for step_id, step in new.items():
        if step_id not in old:
            found.append(_step_change(step, "added"))
        elif not _is_same(old[step_id], step):
            found.append(_step_change(step, "changed"))
    found += [_step_change(step, "removed") for step_id, step in old.items() if step_id not in new]
    return tuple(found)


def _step_change(step: Step, change: Change) -> StepChange:
    return StepChange(step.id, change, step.kind, step.title)


def _own_steps(plan: Plan | None) -> dict[str, Step]:
    """Return the steps that an author wrote; the end of a loop's body is the compiler's."""
    steps = plan.steps if plan is not None else {}
    return {step_id: step for step_id, step in steps.items() if not isinstance(step, AgainStep)}


def _is_same(old: Step, new: Step) -> bool:
    """Return whether a step is written the same: another step put behind it does not change it."""
    before, after = (step.model_dump(mode="json", exclude={"line"}) for step in (old, new))
    if new.kind in ("go", "exit"):
        return before == after
    return _agree(before, after, before["next"], after["next"])


def _agree(old: Any, new: Any, old_next: Any, new_next: Any) -> bool:
    """Compare parts of two steps; a target that is the next step is the same in both."""
    if old == new or (old == old_next and new == new_next):
        return True
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        return all(_agree(old[key], new[key], old_next, new_next) for key in old)
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return all(_agree(one, other, old_next, new_next) for one, other in zip(old, new, strict=True))
    return False


def _settings(old: Plan, new: Plan) -> tuple[str, ...]:
    names = [name for name in Plan.model_fields if name not in ("format", "scenario", "steps", "first")]
    return tuple(name for name in names if getattr(old, name) != getattr(new, name))


def _flow(plan: Plan) -> object:
    steps = {step_id: step.model_dump(exclude={"line"}) for step_id, step in plan.steps.items()}
    return plan.first, steps
