"""What journeys write onto a lead: fields, tags, recorded facts, entries into other scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.inbox.apply import MAX_DEPTH
from leadloop.language import plan as p
from leadloop.storage.tables import Company, EnrolmentStatus
from tests.inbox.driver import events, journeys, settle
from tests.inbox.played import END, enter, environment, lead_of, plan_of, rest, row_of

IS_IT = p.Expression(source='lead.industry == "it"', variables={"lead.industry": "text"})


def test_set_writes_typed_fields_that_the_next_step_sees(tmp_path: Path) -> None:
    plan = plan_of(
        p.SetStep(id="set", fields={"industry": "it", "employees": 300, "purchase_timing": "2027-04-01"}),
        p.IfStep(id="if", condition=IS_IT, then=p.Target(exit="it"), otherwise=END),
    )
    env = environment(tmp_path, plan)
    journey = enter(env)
    settle(env)
    lead = lead_of(env, journey.lead_id)
    assert lead.fields == {"industry": "it", "employees": 300, "purchase_timing": "2027-04-01"}
    assert row_of(env, journey.id).outcome == "it"


def test_set_of_a_company_attaches_it_by_name(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(p.SetStep(id="set", fields={"company": "株式会社東都商事"})))
    journey = enter(env)
    settle(env)
    lead = lead_of(env, journey.lead_id)
    with env.database.read() as session:
        company = session.get_one(Company, lead.company_id)
    assert (lead.company_name, company.name) == ("株式会社東都商事", "株式会社東都商事")


def test_set_can_end_the_journey_by_its_goal(tmp_path: Path) -> None:
    plan = plan_of(
        p.SetStep(id="set", fields={"industry": "it"}),
        p.TagStep(id="late", tags=("vip",)),
        goal=(p.WhenMatch(when=IS_IT),),
    )
    env = environment(tmp_path, plan)
    journey = enter(env)
    settle(env)
    assert row_of(env, journey.id).outcome == "goal"
    assert lead_of(env, journey.lead_id).tags == []


def test_tags_come_once_and_go(tmp_path: Path) -> None:
    plan = plan_of(
        p.TagStep(id="one", tags=("vip",)),
        p.TagStep(id="two", tags=("vip", "reactivated")),
        p.UntagStep(id="three", tags=("vip",)),
    )
    env = environment(tmp_path, plan)
    journey = enter(env, tags=["展示会"])
    settle(env)
    assert lead_of(env, journey.lead_id).tags == ["展示会", "reactivated"]


def test_recorded_fact_starts_another_scenario_and_scores(tmp_path: Path) -> None:
    viewed = p.EventMatch(event="page_viewed", properties=(p.PropertyMatch(name="path", values=("/play",)),))
    first = plan_of(
        p.RecordStep(id="say", event="page_viewed", properties={"path": "/play", "seconds": 5}), rest()
    )
    other = plan_of(rest(), scenario="other", entry=(p.Entry(match=viewed),))
    env = environment(tmp_path, first, other)
    journey = enter(env)
    settle(env)
    (event,) = events(env, "page_viewed")
    assert event.properties == {"path": "/play", "seconds": 5}
    assert event.depth == 1
    (started,) = journeys(env, "other")
    assert (started.lead_id, started.cause_event_id) == (journey.lead_id, event.id)


def test_recorded_property_may_have_any_name(tmp_path: Path) -> None:
    env = environment(
        tmp_path, plan_of(p.RecordStep(id="say", event="page_viewed", properties={"cause": "x"}))
    )
    enter(env)
    settle(env)
    (event,) = events(env, "page_viewed")
    assert event.properties == {"cause": "x"}


@pytest.mark.parametrize("reentry", ["after_exit", "always"])
def test_scenarios_that_record_for_each_other_come_to_rest(tmp_path: Path, reentry: str) -> None:
    def echo(scenario: str, hears: str, says: str) -> p.Plan:
        return plan_of(
            p.RecordStep(id="say", event=says),
            scenario=scenario,
            entry=(p.Entry(match=p.EventMatch(event=hears)),),
            reentry=p.Reentry(mode=reentry),
        )

    env = environment(
        tmp_path,
        plan_of(p.RecordStep(id="say", event="ping")),
        echo("ping", "ping", "pong"),
        echo("pong", "pong", "ping"),
    )
    enter(env)
    settle(env)
    assert len(journeys(env)) <= MAX_DEPTH + 1
    assert max(event.depth for event in events(env, "ping")) <= MAX_DEPTH


def test_enrol_records_the_request_for_the_other_scenario(tmp_path: Path) -> None:
    other = plan_of(rest(), scenario="other", entry=(p.Entry(match=p.ManualMatch()),))
    env = environment(tmp_path, plan_of(p.EnrolStep(id="enrol", scenario="other")), other)
    journey = enter(env)
    settle(env)
    (request,) = events(env, "enrol_requested")
    assert request.properties == {"scenario": "other"}
    (entered,) = journeys(env, "other")
    assert entered.lead_id == journey.lead_id
    assert entered.status == EnrolmentStatus.RUNNING
