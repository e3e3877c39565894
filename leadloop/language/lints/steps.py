"""Lints that look at one step and at what follows it."""

from __future__ import annotations

from leadloop.language.flow import edges, reachable
from leadloop.language.plan import (
    AwaitStep,
    EventMatch,
    ExperimentStep,
    HandOffStep,
    RecycleStep,
    RepeatStep,
    ScoreStep,
    Scoring,
    SendStep,
    Step,
    StreamStep,
    TaskStep,
)
from leadloop.language.steps.building import Building
from leadloop.language.steps.task import OWNERS

REFUSALS = frozenset({"refused", "refuse", "rejected", "declined", "not_interested", "cancel", "cancelled"})
"""Outcomes of a task that mean: no more."""
SMALLEST_SHARE = 100
"""Hundredths of a percent."""


def lint_each_step(building: Building, scoring: Scoring) -> None:
    """Report what single steps leave open or say twice."""
    for step in building.steps.values():
        if isinstance(step, HandOffStep) and step.accept_within is None:
            building.lint(step.id, "SCN501")
        elif isinstance(step, RecycleStep) and all(span.amount == 0 for span in step.cooldown.values()):
            building.lint(step.id, "SCN502")
        elif isinstance(step, AwaitStep):
            if len({edge.target for edge in edges(step)}) == 1 and step.timeout is not None:
                building.lint(step.id, "SCN503")
            _lint_double_score(building, step, scoring)
        elif isinstance(step, TaskStep):
            _lint_task(building, step)
        elif isinstance(step, ExperimentStep):
            _lint_experiment(building, step)
        elif isinstance(step, RepeatStep) and f"{step.id}/again" not in reachable(
            building.steps, [step.first.step or ""], {}
        ):
            building.lint(step.id, "SCN515")


def _lint_double_score(building: Building, step: AwaitStep, scoring: Scoring) -> None:
    for branch in step.branches:
        after: Step | None = building.steps.get(branch.go.step or "")
        if not isinstance(after, ScoreStep) or not isinstance(branch.match, EventMatch):
            continue
        model = scoring.models.get(after.model)
        for rule in model.rules if model is not None else ():
            if rule.match.event == branch.match.event and after.points > 0 and rule.points > 0:
                building.lint(after.id, "SCN505", event=rule.match.event, model=after.model, rule=rule.id)
                break


def _lint_task(building: Building, step: TaskStep) -> None:
    if step.to in OWNERS and step.otherwise is None:
        building.lint(step.id, "SCN512", to=step.to)
    for outcome, target in step.on.items():
        if outcome not in REFUSALS or target != step.next or target.step is None:
            continue
        ahead = reachable(building.steps, [target.step], {})
        mails = [one for one in ahead if isinstance(building.steps[one], SendStep | StreamStep)]
        if mails:
            building.lint(step.id, "SCN516", outcome=outcome, mail=min(mails, key=list(building.steps).index))


def _lint_experiment(building: Building, step: ExperimentStep) -> None:
    for arm in step.variants:
        if arm.share < SMALLEST_SHARE:
            building.lint(step.id, "SCN513", arm=arm.name, share=f"{arm.share / 100:g} %")
    if step.rest is not None and step.rest.min_sends == 0:
        building.lint(step.id, "SCN514")
