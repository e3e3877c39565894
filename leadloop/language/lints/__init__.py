"""Warnings about scenarios that compile and are probably not what was meant (`SCN5xx`)."""

from __future__ import annotations

from leadloop.language.allowing import UNUSED
from leadloop.language.lints.pace import lint_pace
from leadloop.language.lints.steps import lint_each_step
from leadloop.language.plan import Scoring
from leadloop.language.steps.building import Building


def lint_steps(building: Building, scoring: Scoring) -> None:
    """Report the lints of one scenario's steps, less those the steps allow.

    What a step allows and does not need is a lint too, unless an error may have hidden it.
    """
    lint_each_step(building, scoring)
    lint_pace(building)
    paths = {place.source.path for place in building.places.values()}
    if any(one.severity == "error" and one.path in paths for one in building.report.diagnostics):
        return
    for step_id, codes in building.allowed.items():
        for code, place in codes.items():
            if (step_id, code) not in building.silenced:
                building.report.add(UNUSED, place, lint=code)
