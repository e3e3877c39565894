"""Visits from before a person was known: they count, and they are no news."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.inbox.applier import apply_once
from leadloop.inbox.ingestion.visits import Visit, record_visits
from leadloop.language import plan as p
from leadloop.leads.visitors import identify_visitor
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead
from tests.factories import make_lead
from tests.inbox.driver import journeys, settle
from tests.inbox.played import END, ONE_DAY, environment, plan_of, row_of, submit

BROWSER = "a" * 32
VIEWED = p.EventMatch(event="page_viewed")
READ = p.AwaitStep(
    id="read",
    branches=(p.Branch(match=VIEWED, go=p.Target(exit="viewed"), since="entry"),),
    timeout=p.WaitSpec(span=ONE_DAY),
    on_timeout=END,
)


def view(env: Environment, number: int) -> None:
    with env.database.write() as session:
        visit = Visit(f"{number:032x}", "page_viewed", {"path": "/pricing"})
        (result,) = record_visits(session, env, BROWSER, [visit])
    assert result.status == "accepted"


def identify(env: Environment, lead_id: str) -> int:
    with env.database.write() as session:
        return identify_visitor(session, env, BROWSER, session.get_one(Lead, lead_id), env.clock.now())


def lead(env: Environment) -> str:
    with env.database.write() as session:
        return make_lead(session, env).id


def test_visits_before_a_name_start_no_journey(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(READ, entry=(p.Entry(match=VIEWED),)))
    lead_id = lead(env)
    view(env, 1)
    assert identify(env, lead_id) == 1
    settle(env)
    assert journeys(env) == []
    view(env, 2)
    settle(env)
    assert [row.lead_id for row in journeys(env)] == [lead_id]


@pytest.mark.parametrize("known_first", [True, False])
def test_visits_before_a_name_satisfy_no_wait(tmp_path: Path, known_first: bool) -> None:
    """Whether they are applied while the journey waits, or before it looks back."""
    env = environment(tmp_path, plan_of(READ))
    lead_id = lead(env)
    view(env, 1)
    submit(env, lead_id)
    if known_first:  # applied, and then the first turn looks back
        identify(env, lead_id)
        apply_once(env)
    else:
        settle(env)
        identify(env, lead_id)
    settle(env)
    (journey,) = journeys(env)
    assert journey.status == "running"
    view(env, 2)
    settle(env)
    assert row_of(env, journey.id).outcome == "viewed"
