"""展示会の名刺: thanked within a day, followed up by industry, subscribed by a click."""

from __future__ import annotations

from typing import Any

import pytest

from leadloop.leads.consent import may_mail
from tests.scenarios.conftest import Worlds
from tests.scenarios.world import World, shipped

NAME = "business-cards"


def met(worlds: Worlds, **fields: Any) -> tuple[World, str]:
    """Somebody gave us a card at a fair on Thursday 2026-11-19, 15:00."""
    world = worlds("2026-11-19 15:00")
    lead = world.person(**fields)
    world.event("card_received", lead, show="オフィス総合展")
    return world, lead


def may(world: World, lead: str, topic: str) -> bool:
    with world.env.database.read() as session:
        return may_mail(
            session, world.env, world.lead(lead), topic, shipped().workspace, world.clock.now()
        ).allowed


def test_thanks_on_the_next_day_at_ten(worlds: Worlds) -> None:
    world, lead = met(worlds)
    world.until("2026-11-20 12:00")
    assert world.sent(lead) == [("card/hello", "2026-11-20 10:00")]
    assert "オフィス総合展" in world.mail("御礼").text
    assert world.lead(lead).source == "trade_fair"
    assert sorted(world.lead(lead).tags) == ["exhibitor_visit", "trade_fair"]


@pytest.mark.parametrize(
    ("fields", "template"),
    [
        ({"industry": "manufacturing", "employees": 500}, "card/factory"),
        ({"industry": "it", "employees": 100}, "card/large"),
        ({"industry": "it", "employees": 99}, "card/general"),
        ({}, "card/general"),
    ],
)
def test_what_follows_goes_by_industry_and_size(
    worlds: Worlds, fields: dict[str, object], template: str
) -> None:
    world, lead = met(worlds, fields=fields)
    world.until("2026-11-30 12:00")  # five business days after the thanks; a holiday on November 23
    assert world.sent(lead)[1:] == [(template, "2026-11-30 10:00")]


def test_reader_of_the_story_is_subscribed_and_gets_tips(worlds: Worlds) -> None:
    world, lead = met(worlds, fields={"industry": "manufacturing"})
    world.until("2026-11-30 12:00")
    assert not may(world, lead, "newsletter") or may(world, lead, "nurture")
    world.click(lead, "card/factory")
    assert may(world, lead, "newsletter")
    assert world.step(NAME) == "tips"
    world.until("2026-12-22 10:00")
    assert [one for one in world.templates(lead) if one.startswith("tips/")] == ["tips/1", "tips/2"]


def test_click_on_prices_goes_to_sales(worlds: Worlds) -> None:
    world, lead = met(worlds)
    world.until("2026-11-20 12:00")
    world.click(lead, "card/hello", "https://www.acme.example/pricing?plan=a")
    assert world.lead(lead).stage == "mql"
    assert world.outcome(NAME) == "goal"
    assert world.offer().lead_id == lead


def test_other_click_only_goes_on(worlds: Worlds) -> None:
    world, lead = met(worlds)
    world.until("2026-11-20 12:00")
    world.click(lead, "card/hello", "https://www.acme.example/download/show")
    assert world.step(NAME) in ("general", "listen")
    assert world.lead(lead).stage == "lead"


def test_silence_ends_it(worlds: Worlds) -> None:
    world, _ = met(worlds)
    world.until("2026-12-10 09:59")
    assert world.outcome(NAME) is None
    world.until("2026-12-10 10:00")  # ten days after the second mail
    assert world.outcome(NAME) == "quiet"


def test_card_of_somebody_in_sales_enters_nothing(worlds: Worlds) -> None:
    world, _ = met(worlds, stage="opportunity")
    assert world.journeys(NAME) == []


def test_card_without_an_address_enters_nothing(worlds: Worlds) -> None:
    world, _ = met(worlds, email=None, phone="03-1234-5678")
    assert world.journeys(NAME) == []
