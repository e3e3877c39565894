"""Which arm of an experiment a simulated journey is drawn for."""

from __future__ import annotations

from collections.abc import Mapping

from leadloop.journey.simulation.timeline import Behaviour
from leadloop.journey.steps.experiment import CONTROL, PARTS, REST, arm_of, draw_number
from leadloop.language.plan import ExperimentStep, Plan

_MOST_TRIES = 200_000


def experiments(plan: Plan) -> list[ExperimentStep]:
    """Return the experiments of a plan."""
    return [step for step in plan.steps.values() if isinstance(step, ExperimentStep)]


def arms_of(step: ExperimentStep) -> list[str]:
    """Return every arm that somebody can be drawn for, `control` and `rest` among them."""
    arms = [one.name for one in step.variants if one.share > 0]
    if step.control:
        arms.insert(0, CONTROL)
    if step.rest is not None and step.control + sum(one.share for one in step.variants) < PARTS:
        arms.append(REST)
    return arms


def usual_arms(plan: Plan, behaviour: Behaviour) -> dict[str, str]:
    """Return the arm that each behaviour shows: the rest (or the control group), the first, the last."""
    found: dict[str, str] = {}
    for step in experiments(plan):
        arms = arms_of(step)
        variants = [one for one in arms if one not in (CONTROL, REST)] or arms
        others = [one for one in (REST, CONTROL) if one in arms] or variants
        chosen = {"ignores": others[0], "clicks": variants[0], "turns hot": variants[-1]}
        found[step.id] = chosen[behaviour]
    return found


def id_drawn_for(plan: Plan, arms: Mapping[str, str]) -> str:
    """Return an id of a journey that is drawn for these arms: the draw itself stays as it is."""
    wanted = [(step, arms[step.id]) for step in experiments(plan) if step.id in arms]
    for number in range(1, _MOST_TRIES):
        name = f"try-{number}"
        drawn = (arm_of(step, draw_number(plan.scenario, step.id, name)) == arm for step, arm in wanted)
        if all(drawn):
            return name
    return "try-1"
