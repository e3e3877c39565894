"""セミナー: invited, registered, reminded at 17:00 the day before, attended or not, asked."""

from __future__ import annotations

import pytest

from tests.scenarios.conftest import Worlds
from tests.scenarios.world import World

KEY = "dx-2026-12"


def invited(worlds: Worlds, start: str = "2026-11-16 10:00") -> tuple[World, str]:
    """A lead that was invited to a seminar on Wednesday 2026-12-09, 15:00."""
    world = worlds(start)
    put(world, "2026-12-09T15:00+09:00")
    lead = world.person("nurture")
    (result,) = world.enrol("seminar", lead, record=KEY)
    assert result.status == "entered"
    return world, lead


def put(world: World, starts_at: str) -> None:
    url = "https://meet.acme.example/dx"
    world.record("seminar", KEY, title="製造業のDX入門", starts_at=starts_at, join_url=url)


def test_reminder_goes_at_five_the_day_before(worlds: Worlds) -> None:
    world, lead = invited(worlds)
    world.until("2026-11-20 11:00")
    world.event("seminar_registered", lead, seminar=KEY)
    world.until("2026-12-09 15:00")
    assert world.sent(lead) == [
        ("seminar/invite", "2026-11-16 10:00"),
        ("seminar/confirmed", "2026-11-20 11:00"),
        ("seminar/reminder", "2026-12-08 17:00"),
    ]
    reminder = world.mail("明日")
    assert "製造業のDX入門" in reminder.text
    assert "12月9日" in reminder.text
    assert "https://" in reminder.text


def test_who_attended_is_asked_and_thanked(worlds: Worlds) -> None:
    world, lead = invited(worlds)
    world.event("seminar_registered", lead, seminar=KEY)
    world.until("2026-12-09 16:30")
    world.event("event_attended", lead, seminar=KEY)
    world.until("2026-12-10 09:00")
    world.event("survey_answered", lead, seminar=KEY, interest="this_year")
    assert world.templates(lead)[-2:] == ["seminar/survey", "seminar/thanks"]
    assert world.outcome("seminar") == "answered"
    assert world.lead(lead).tags == []


def test_who_wants_it_now_goes_to_sales(worlds: Worlds) -> None:
    world, lead = invited(worlds)
    world.event("seminar_registered", lead, seminar=KEY)
    world.until("2026-12-09 16:30")
    world.event("event_attended", lead, seminar=KEY)
    world.event("survey_answered", lead, seminar=KEY, interest="now")
    assert world.lead(lead).stage == "mql"
    assert world.offer().lead_id == lead


def test_who_answers_nothing_is_left_alone(worlds: Worlds) -> None:
    world, lead = invited(worlds)
    world.event("seminar_registered", lead, seminar=KEY)
    world.until("2026-12-09 16:30")
    world.event("event_attended", lead, seminar=KEY)
    world.until("2026-12-16 16:29")
    assert world.outcome("seminar") is None
    world.until("2026-12-16 16:31")  # five business days
    assert world.outcome("seminar") == "attended"


def test_no_show_gets_a_tag_and_the_recording_after_a_business_day(worlds: Worlds) -> None:
    world, lead = invited(worlds)
    world.event("seminar_registered", lead, seminar=KEY)
    world.until("2026-12-10 12:00")
    assert world.sent(lead)[-1] == ("seminar/recording", "2026-12-10 10:00")
    assert world.lead(lead).tags == ["no_show"]
    assert world.outcome("seminar") == "no_show"


def test_who_does_not_register_leaves_the_day_before(worlds: Worlds) -> None:
    world, lead = invited(worlds)
    world.until("2026-12-08 11:59")
    assert world.outcome("seminar") is None
    world.until("2026-12-08 12:00")
    assert world.outcome("seminar") == "not_registered"
    assert world.templates(lead) == ["seminar/invite"]


@pytest.mark.parametrize(
    ("starts_at", "reminded"),
    [("2026-12-10T15:00+09:00", "2026-12-09 17:00"), ("2026-12-07T10:00+09:00", "2026-12-06 17:00")],
)
def test_reminder_moves_with_the_seminar(worlds: Worlds, starts_at: str, reminded: str) -> None:
    world, lead = invited(worlds)
    world.event("seminar_registered", lead, seminar=KEY)
    world.until("2026-11-30 10:00")
    put(world, starts_at)
    world.until("2026-12-10 14:00")
    assert ("seminar/reminder", reminded) in world.sent(lead)
    assert world.templates(lead).count("seminar/reminder") == 1


def test_who_registers_late_is_not_reminded_of_yesterday(worlds: Worlds) -> None:
    world = worlds()
    put(world, "2026-12-09T15:00+09:00")
    lead = world.person()
    world.until("2026-12-09 09:00")
    world.event("seminar_registered", lead, seminar=KEY)
    assert world.templates(lead) == ["seminar/confirmed"]
    assert world.step("seminar") == "day"
    world.until("2026-12-09 16:00")
    world.event("event_attended", lead, seminar=KEY)
    assert world.templates(lead) == ["seminar/confirmed", "seminar/survey"]


def test_other_seminars_do_not_mix(worlds: Worlds) -> None:
    world, lead = invited(worlds)
    world.record("seminar", "other", title="経理の電子化", starts_at="2026-12-02T15:00+09:00")
    world.event("seminar_registered", lead, seminar="other")
    assert world.step("seminar", lead, KEY) == "registered"
    assert world.step("seminar", lead, "other") == "eve"
    world.event("event_attended", lead, seminar=KEY)  # not the one this journey is for
    assert world.step("seminar", lead, "other") == "eve"


def test_invited_twice_is_one_journey(worlds: Worlds) -> None:
    world, lead = invited(worlds)
    (result,) = world.enrol("seminar", lead, record=KEY)
    assert (result.status, result.code) == ("refused", "open")
    world.until("2026-12-20 10:00")
    (result,) = world.enrol("seminar", lead, record=KEY)
    assert (result.status, result.code) == ("refused", "never_again")
