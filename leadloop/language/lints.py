"""Warnings about scenarios that compile and are probably not what was meant (`SCN5xx`)."""

from __future__ import annotations

from leadloop.language.flow import edges
from leadloop.language.plan import AwaitStep, EventMatch, HandOffStep, RecycleStep, ScoreStep, Scoring, Step
from leadloop.language.steps.building import Building


def lint_steps(building: Building, scoring: Scoring) -> None:
    """Report the lints of one scenario, less those its steps allow."""
    for step in building.steps.values():
        if isinstance(step, HandOffStep) and step.accept_within is None:
            _add(building, step.id, "SCN501")
        if isinstance(step, RecycleStep) and all(span.amount == 0 for span in step.cooldown.values()):
            _add(building, step.id, "SCN502")
        if isinstance(step, AwaitStep):
            if len({edge.target for edge in edges(step)}) == 1 and step.timeout is not None:
                _add(building, step.id, "SCN503")
            _lint_double_score(building, step, scoring)


def _lint_double_score(building: Building, step: AwaitStep, scoring: Scoring) -> None:
    for branch in step.branches:
        after: Step | None = building.steps.get(branch.go.step or "")
        if not isinstance(after, ScoreStep) or not isinstance(branch.match, EventMatch):
            continue
        model = scoring.models.get(after.model)
        for rule in model.rules if model is not None else ():
            if rule.match.event == branch.match.event and after.points > 0 and rule.points > 0:
                _add(building, after.id, "SCN505", event=rule.match.event, model=after.model, rule=rule.id)
                break


def _add(building: Building, step_id: str, code: str, **values: str) -> None:
    if code not in building.allowed.get(step_id, frozenset()):
        building.report.add(code, building.places[step_id], **values)
