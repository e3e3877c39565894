"""`stage`: a move of the lifecycle."""

from __future__ import annotations

from leadloop.language.plan import StageStep
from leadloop.language.steps.building import StepSite


def read_stage(site: StepSite) -> StageStep | None:
    """`stage: mql`. Obeys the transitions of lifecycle.yaml."""
    stage = site.fields.known("stage", "stage", site.building.vocabulary.stages)
    return None if stage is None else StageStep(**site.base, stage=stage)
