"""Who is on which step of an older version, and what publishing does to them by `on_edit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func
from sqlmodel import Session, col, select

from leadloop.inbox.planning.changes import Change, ScenarioChange
from leadloop.language.plan import Plan
from leadloop.storage.tables import Enrolment, EnrolmentStatus

Fate = Literal["stay", "move", "finish", "exit", "refused"]
EDITED = "edited"
"""Outcome of journeys that `on_edit: finish` or `exit` ends."""


@dataclass(frozen=True)
class Destiny:
    """What becomes of a journey: `to` is the step it goes on at, for `move`."""

    fate: Fate
    to: str | None = None


@dataclass(frozen=True)
class Position:
    """People on one step of one version of a scenario that publishing replaces."""

    scenario: str
    version: str
    """Digest of the plan they are on."""
    step: str
    people: int
    step_change: Change | None
    """How the step differs from the live version; None where it is the same."""
    destiny: Destiny


def destiny(plan: Plan | None, step: str) -> Destiny:
    """Return what a new version does to somebody on a step of an older one.

    Without a new version (the scenario is no longer published) people stay on theirs. Somebody on a
    step that the new version lacks and `on_edit` does not map makes publishing refuse.
    """
    if plan is None or plan.on_edit.default == "stay":
        return Destiny("stay")
    if plan.on_edit.default != "move":
        return Destiny(plan.on_edit.default)
    to = plan.on_edit.steps.get(step, step)
    return Destiny("move", to) if to in plan.steps else Destiny("refused")


def positions(
    session: Session, changes: list[ScenarioChange], plans: Mapping[str, Plan], parts: Mapping[str, str]
) -> list[Position]:
    """Return where people are in the scenarios that change; `plans` and `parts` are of the new version."""
    changed = {one.scenario: {step.step: step.change for step in one.steps} for one in changes}
    rows = session.exec(
        select(Enrolment.scenario, Enrolment.plan_digest, _step(), func.count())
        .where(col(Enrolment.scenario).in_(changed), Enrolment.status != EnrolmentStatus.ENDED)
        .group_by(col(Enrolment.scenario), col(Enrolment.plan_digest), "step")
    ).all()
    return sorted(
        (
            Position(scenario, digest, step or "", people, changed[scenario].get(step or ""),
                     destiny(plans.get(scenario), step or ""))
            for scenario, digest, step, people in rows
            if parts.get(f"plan:{scenario}") != digest
        ),
        key=lambda one: (one.scenario, one.step, one.version),
    )  # fmt: skip


def _step() -> Any:
    """Return the step a journey is on; by its label, as PostgreSQL groups by no parameter twice."""
    return col(Enrolment.state)["step"].as_string().label("step")
