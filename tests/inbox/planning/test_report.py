"""The whole plan of a publication, on both kinds of database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from leadloop.inbox.planning.report import make_plan
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from tests.factories import (
    NOW,
    make_enrolment,
    make_lead,
    make_plans,
    make_publication,
)

NAME = "whitepaper-nurture"


@pytest.fixture
def live(env: Environment) -> Environment:
    """The small workspace, live."""
    return env


def changed(**values: object) -> p.Publication:
    """Return the workspace with the nurture changed and a newsletter that takes in everybody of a segment."""
    plans = make_plans()
    end = p.Target(exit=p.COMPLETED)
    news = p.SendStep(id="news", template="case", topic="nurture", on_skip=end, on_fail=end)
    match = p.SegmentMatch(segment="finance")
    newsletter = p.Plan(
        scenario="newsletter", topic="nurture", entry=(p.Entry(match=match, existing="include"),),
        first="news", steps={"news": news},
    )  # fmt: skip
    condition = p.Expression(source='lead.industry == "finance"', variables={"lead.industry": "text"})
    return make_publication(
        plans=plans | {NAME: plans[NAME].model_copy(update=values), "newsletter": newsletter},
        segments={"finance": p.Segment(when=condition)},
    )


def test_plan_holds_people_mails_and_conflicts(live: Environment) -> None:
    with live.database.write() as session:
        publication = live.publications.current(session).id
        for industry in ("finance", "it"):
            lead = make_lead(session, live, fields={"industry": industry})
            make_enrolment(
                session, publication, lead, NAME, state={"step": "read", "phase": "waiting"},
                due_at=NOW + timedelta(days=2), subject_key=lead.id,
            )  # fmt: skip
        new = changed(title="改訂", on_edit=p.OnEdit(default="move"))
        plan = make_plan(session, live, new, NOW)
    assert [(one.scenario, one.change) for one in plan.scenarios] == [
        ("newsletter", "added"),
        (NAME, "changed"),
    ]
    assert [(one.step, one.people, one.destiny.fate) for one in plan.positions] == [("read", 2, "move")]
    assert plan.mails.scenarios == {NAME: 2, "newsletter": 1}
    assert (plan.mails.day, plan.mails.week) == (1, 3)
    assert plan.as_json()["mails"]["by_source"] == {"journeys": 2, "existing": 1}
    assert not plan.needs_confirmation


def test_plan_of_what_is_live_is_empty(live: Environment) -> None:
    with live.database.read() as session:
        plan = make_plan(session, live, make_publication(), NOW)
    assert plan.is_empty
    assert plan.as_json()["scenarios"] == []


@pytest.mark.parametrize(("over", "asks"), [(None, False), (0, True), (1, False)])
def test_plan_asks_only_above_the_limit(env: Environment, over: int | None, asks: bool) -> None:
    with env.database.write() as session:
        make_lead(session, env, fields={"industry": "finance"})
        new = changed()
        limits = new.workspace.limits.model_copy(update={"confirm_over": over})
        new = new.model_copy(update={"workspace": new.workspace.model_copy(update={"limits": limits})})
        assert make_plan(session, env, new, NOW).needs_confirmation is asks
