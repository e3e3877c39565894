"""資料ダウンロード後の育成, and what it leads to: the hand-over to sales."""

from __future__ import annotations

from typing import Any

from leadloop.sales.commands import accept_offer, open_deal, reject_offer, win_deal
from leadloop.storage.tables import OfferStatus
from tests.inbox.driver import events
from tests.scenarios.conftest import Worlds
from tests.scenarios.world import World, shown

NAME = "whitepaper-nurture"


def downloaded(worlds: Worlds, **fields: Any) -> tuple[World, str]:
    world = worlds("2026-11-16 10:00")
    lead = world.person("nurture", **fields)
    world.event("form_submitted", lead, form="whitepaper")
    return world, lead


def test_whole_way_without_a_reaction(worlds: Worlds) -> None:
    world, lead = downloaded(worlds)
    world.until("2027-03-31 10:00")
    sent = world.sent(lead)
    assert sent[:3] == [
        ("whitepaper/thanks", "2026-11-16 10:00"),
        ("whitepaper/reminder", "2026-11-24 09:00"),  # five days later is a Saturday, Monday a holiday
        ("whitepaper/case", "2026-11-27 09:00"),
    ]
    tips = [name for name, _ in sent if name.startswith("tips/")]
    assert tips == ["tips/1", "tips/2", "tips/4", "tips/5", "tips/6", "tips/7", "tips/8"]
    assert world.outcome(NAME) == "exhausted"


def test_click_skips_the_reminder(worlds: Worlds) -> None:
    world, lead = downloaded(worlds)
    world.until("2026-11-17 11:00")
    world.click(lead, "whitepaper/thanks")
    assert world.sent(lead)[1] == ("whitepaper/case", "2026-11-17 11:00")
    world.until("2026-12-31 10:00")
    assert "whitepaper/reminder" not in world.templates(lead)


def test_hot_lead_of_a_fitting_company_goes_to_sales_and_wins(worlds: Worlds) -> None:
    world, lead = downloaded(
        worlds, fields={"industry": "manufacturing", "employees": 300}, job_title="情報システム部長"
    )
    world.event("event_attended", lead, seminar="s1")
    assert world.lead(lead).stage == "lead"
    world.event("form_submitted", lead, form="contact")
    world.event("card_received", lead, show="EXPO")
    assert world.lead(lead).stage == "mql"
    assert world.outcome(NAME) == "goal"
    offer = world.offer()
    assert {one["rule"] for one in offer.reasons} >= {"seminar", "inquiry"}
    assert shown(offer.accept_by) == "2026-11-16 14:00"
    accept_offer(world.env, offer.id)
    world.settle()
    assert world.lead(lead).stage == "sal"
    open_deal(world.env, lead, deal_id="d1", offer_id=offer.id, amount=1_200_000)
    win_deal(world.env, "d1")
    world.settle()
    assert world.lead(lead).stage == "customer"
    assert (world.outcome("sales-handoff"), world.offer().status) == ("won", OfferStatus.WON)


def test_deal_ends_the_nurture(worlds: Worlds) -> None:
    world, lead = downloaded(worlds)
    world.event("deal_opened", lead, deal="d0")
    assert world.outcome(NAME) == "exited"


def test_offer_that_nobody_takes_goes_to_the_manager(worlds: Worlds) -> None:
    world = worlds("2026-11-16 10:00")
    lead = world.person()
    world.event("card_received", lead, show="EXPO")
    world.until("2026-11-17 11:00")
    world.click(lead, "card/hello", "https://www.acme.example/pricing")
    world.until("2026-11-17 14:59")
    assert world.notices("manager@acme.example") == []
    world.until("2026-11-17 15:00")  # four business hours
    assert world.notices("manager@acme.example") == ["notice:escalation"]


def test_lead_that_sales_gives_back_is_recycled(worlds: Worlds) -> None:
    world = worlds("2026-11-16 10:00")
    lead = world.person("nurture")
    world.event("card_received", lead, show="EXPO")
    world.until("2026-11-17 12:00")
    world.click(lead, "card/hello", "https://www.acme.example/pricing")
    reject_offer(world.env, world.offer().id, "予算がない")
    world.settle()
    assert world.lead(lead).stage == "recycled"
    assert world.outcome("sales-handoff") == "completed"


def test_paper_again_while_the_first_journey_runs_is_written_down(worlds: Worlds) -> None:
    world, lead = downloaded(worlds)
    world.event("form_submitted", lead, form="whitepaper")
    assert len(world.journeys(NAME)) == 1
    (repeated,) = events(world.env, "entry_repeated")
    assert repeated.properties == {"scenario": NAME}


def test_group_keeps_a_second_early_nurture_out(worlds: Worlds) -> None:
    world, lead = downloaded(worlds)
    world.event("card_received", lead, show="EXPO")
    assert world.journeys("business-cards") == []
    (repeated,) = events(world.env, "entry_repeated")
    assert repeated.properties == {"scenario": NAME, "refused": "business-cards"}


def test_lead_abroad_is_not_nurtured_in_japanese(worlds: Worlds) -> None:
    world, _ = downloaded(worlds, country="US")
    assert world.journeys(NAME) == []
