"""Where people in flight are, and what becomes of them."""

from __future__ import annotations

import pytest

from leadloop.inbox.planning.changes import scenario_changes
from leadloop.inbox.planning.people import Destiny, destiny, positions
from leadloop.language.plan import OnEdit, Plan
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus
from tests.factories import make_enrolment, make_lead, make_plans, make_publication

NAME = "whitepaper-nurture"


def nurture(on_edit: OnEdit | None = None, without: str | None = None) -> Plan:
    plan = make_plans()[NAME]
    steps = {name: step for name, step in plan.steps.items() if name != without}
    return plan.model_copy(update={"on_edit": on_edit or OnEdit(), "steps": steps})


@pytest.mark.parametrize(
    ("plan", "step", "expected"),
    [
        (None, "read", Destiny("stay")),
        (nurture(), "gone", Destiny("stay")),
        (nurture(OnEdit(default="finish")), "read", Destiny("finish")),
        (nurture(OnEdit(default="exit")), "gone", Destiny("exit")),
        (nurture(OnEdit(default="move")), "read", Destiny("move", "read")),
        (nurture(OnEdit(default="move", steps={"old": "case"})), "old", Destiny("move", "case")),
        (nurture(OnEdit(default="move")), "gone", Destiny("refused")),
        (nurture(OnEdit(default="move", steps={"old": "gone"})), "old", Destiny("refused")),
    ],
)
def test_destiny_follows_on_edit(plan: Plan | None, step: str, expected: Destiny) -> None:
    assert destiny(plan, step) == expected


def test_positions_count_open_journeys_of_older_versions(env: Environment) -> None:
    live = env.publications.current()
    new = make_publication(plans=make_plans() | {NAME: nurture(OnEdit(default="move"), without="read")})
    with env.database.write() as session:
        for step in ("read", "read", "thanks", "ended"):
            status = EnrolmentStatus.ENDED if step == "ended" else EnrolmentStatus.RUNNING
            lead = make_lead(session, env)
            make_enrolment(
                session, live.id, lead, NAME, state={"step": step}, status=status, subject_key=lead.id
            )
        make_enrolment(session, live.id, make_lead(session, env), "sales-handoff")  # not changed
        found = positions(session, scenario_changes(live.publication, new), new.plans, new.digests())
    assert [(one.step, one.people, one.step_change, one.destiny) for one in found] == [
        ("read", 2, "removed", Destiny("refused")),
        ("thanks", 1, None, Destiny("move", "thanks")),
    ]
    assert {one.version for one in found} == {live.parts[f"plan:{NAME}"]}
