"""Entering leads by hand: who enters, who does not and why, and once per key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from leadloop.inbox.entries.enrolling import (
    REASONS,
    EnrolError,
    EnrolResult,
    NoSuchScenarioError,
    enrol_leads,
)
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Event, Lead, LeadScore
from tests.factories import NOW, ManualClock, make_lead
from tests.inbox.driver import events, journeys, settle
from tests.inbox.seminars import environment, plan, put_seminar, when

MANUAL = p.ManualMatch()
WAIT = p.WaitStep(id="w", wait=p.WaitSpec(span=p.Span(amount=300, unit="days")))
JAPAN = when('lead.country == "JP"', lead__country="text")
BIG = p.WhenMatch(when=when("lead.employees >= 100", lead__employees="int"))


def care(**values: Any) -> p.Plan:
    """Return a scenario for leads that somebody enters by hand."""
    fields: dict[str, Any] = {"scenario": "care", "per": "lead", "entry": MANUAL}
    return plan(WAIT, **(fields | values))


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    opened = environment(
        tmp_path,
        clock,
        care(audience=JAPAN, goal=(BIG,)),
        plan(WAIT, entry=MANUAL),
        plan(WAIT, scenario="by-event"),
    )
    yield opened
    opened.database.close()


def add(env: Environment, name: str = "hanako", **values: Any) -> str:
    with env.database.write() as session:
        return make_lead(session, env, email=f"{name}@kaisha.example", **({"country": "JP"} | values)).id


def one(env: Environment, named: str, scenario: str = "care", **options: Any) -> EnrolResult:
    (result,) = enrol_leads(env, scenario, [named], **options)
    return result


def test_a_lead_enters_at_once_by_id_or_address(env: Environment) -> None:
    hanako, jiro = add(env), add(env, "jiro")
    results = enrol_leads(env, "care", [hanako, "Jiro@Kaisha.example", hanako])
    assert [(row.named, row.status, row.lead_id) for row in results] == [
        (hanako, "entered", hanako),
        ("Jiro@Kaisha.example", "entered", jiro),
    ]
    settle(env)
    assert [(row.scenario, row.lead_id, row.turn_no) for row in journeys(env)] == [
        ("care", hanako, 1),
        ("care", jiro, 1),
    ]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"country": "US"}, "audience"),
        ({"country": None}, "audience"),
        ({"fields": {"employees": 200}}, "goal_met"),
        ({"erased_at": NOW}, "erased"),
    ],
)
def test_who_does_not_enter_is_told_why_and_nothing_is_recorded(
    env: Environment, values: dict[str, Any], code: str
) -> None:
    result = one(env, add(env, **values))
    assert (result.status, result.code, result.reason) == ("refused", code, REASONS[code])
    assert journeys(env) == []
    assert events(env, "enrol_requested") == []


@pytest.mark.parametrize("named", ["nobody@kaisha.example", "not@@an", "0197-unknown"])
def test_an_unknown_lead_is_one_result_among_others(env: Environment, named: str) -> None:
    results = enrol_leads(env, "care", [named, add(env)])
    assert [(row.status, row.code) for row in results] == [("refused", "unknown"), ("entered", None)]


def test_a_second_request_is_written_into_the_open_journeys_story(env: Environment) -> None:
    lead = add(env)
    one(env, lead)
    settle(env)
    result = one(env, lead)
    assert (result.status, result.code, result.other) == ("refused", "open", "care")
    (repeated,) = events(env, "entry_repeated")
    assert repeated.properties["scenario"] == "care"


def test_who_finds_a_journey_that_may_end_in_its_next_turn_waits(
    env: Environment, clock: ManualClock
) -> None:
    lead = add(env)
    one(env, lead)
    settle(env)
    clock.advance(days=301)
    result = one(env, lead)
    assert (result.status, result.code, result.other) == ("waiting", "open", "care")
    settle(env)
    clock.advance(minutes=1)
    settle(env)
    assert [row.status.value for row in journeys(env)] == ["ended", "running"]


def test_the_same_key_asks_once_per_lead(env: Environment, clock: ManualClock) -> None:
    hanako = add(env)
    assert one(env, hanako, key="12月").status == "entered"
    assert one(env, "hanako@kaisha.example", key="12月").status == "repeated"
    assert one(env, add(env, "jiro"), key="12月").status == "entered"
    other = one(env, hanako, "seminar", key="12月", record=put_seminar(env).record.key)
    assert (other.status, other.code) == ("refused", "conflict")
    assert len(journeys(env)) == 2


def test_who_was_refused_may_be_asked_again_with_the_same_key(env: Environment) -> None:
    lead = add(env, country="US")
    assert one(env, lead, key="k").code == "audience"
    with env.database.write() as session:
        row = session.get_one(Lead, lead)
        row.country = "JP"
        session.add(row)
    assert one(env, lead, key="k").status == "entered"


def test_a_dry_run_says_the_same_and_changes_nothing(env: Environment) -> None:
    named = [add(env), add(env, "jiro", country="US")]
    dry = enrol_leads(env, "care", named, key="k", dry_run=True)
    assert journeys(env) == []
    with env.database.read() as session:
        assert session.exec(select(Event)).all() == []
    assert enrol_leads(env, "care", named, key="k") == dry


def test_a_scenario_per_record_is_entered_for_it(env: Environment) -> None:
    put_seminar(env, "s1")
    put_seminar(env, "s2")
    lead = add(env)
    assert one(env, lead, "seminar", record="s1").status == "entered"
    assert one(env, lead, "seminar", record="s2").status == "entered"
    assert one(env, lead, "seminar", record="s2").code == "open"
    with env.database.read() as session:
        assert set(session.exec(select(Enrolment.record_key)).all()) == {"s1", "s2"}


@pytest.mark.parametrize(
    ("scenario", "options", "field", "text"),
    [
        ("cares", {}, "scenario", "no scenario `cares` is published"),
        ("by-event", {}, "scenario", "`by-event` has no `{manual: true}` among its entries"),
        ("care", {"record": "s1"}, "record", "`care` does not run for a record"),
        ("seminar", {}, "record", "`seminar` runs per `seminar`: name its record"),
        ("seminar", {"record": "s9"}, "record", "there is no `seminar` with this key"),
        ("care", {"key": "k" * 101}, "key", "a key has 1 to 100 characters"),
    ],
)
def test_a_request_that_is_right_for_nobody_is_refused(
    env: Environment, scenario: str, options: dict[str, Any], field: str, text: str
) -> None:
    with pytest.raises(EnrolError) as raised:
        enrol_leads(env, scenario, [add(env)], **options)
    assert (raised.value.field, raised.value.message) == (field, text)
    assert isinstance(raised.value, NoSuchScenarioError) is (scenario == "cares")


def test_who_finds_no_place_under_the_limit_waits_for_one(tmp_path: Path, clock: ManualClock) -> None:
    limit = p.Frequency(count=1, per=p.Span(amount=1, unit="days"))
    limited = care(entry=MANUAL).model_copy(update={"entry": (p.Entry(match=MANUAL, limit=limit),)})
    env = environment(tmp_path, clock, limited)
    named = [add(env), add(env, "jiro")]
    dry = enrol_leads(env, "care", named, dry_run=True)
    results = enrol_leads(env, "care", named)
    assert results == dry
    assert [(row.status, row.code) for row in results] == [("entered", None), ("waiting", "limit")]
    assert results[1].until is not None
    clock.instant = results[1].until
    settle(env)
    assert len(journeys(env)) == 2


def test_a_company_scenario_is_entered_by_its_foremost_person(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, care(per="company"))
    with env.database.write() as session:
        first = make_lead(session, env, company="株式会社ベータ", email="a@kaisha.example")
        second = make_lead(session, env, company_id=first.company_id, email="b@kaisha.example")
        session.add(LeadScore(lead_id=second.id, model="engagement", points=9, read_at=NOW))
    assert one(env, first.id).status == "passed_on"
    settle(env)
    assert [row.lead_id for row in journeys(env)] == [second.id]
    alone = one(env, add(env, "jiro"))
    assert (alone.status, alone.code) == ("refused", "no_company")
