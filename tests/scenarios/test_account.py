"""企業単位のホット検知: three people of one company within two weeks, one hand-over of the company."""

from __future__ import annotations

from leadloop.sales.commands import accept_offer, lose_deal, open_deal, reject_offer
from leadloop.storage.tables import Company, OfferStatus
from tests.scenarios.conftest import Worlds
from tests.scenarios.world import World, shown

OWNER = "kato@acme.example"


def colleagues(worlds: Worlds, number: int = 3) -> tuple[World, list[str]]:
    world = worlds("2026-11-16 10:00", "account-hot")
    company = Company(name="東都商事", owner=OWNER, created_at=world.clock.now())
    with world.env.database.write() as session:
        session.add(company)
    return world, [world.person(company_id=company.id, family_name=name) for name in "山佐鈴高"[:number]]


def warm(world: World, lead: str, *more: str) -> None:
    """Give a lead 15 points (warm), and 10 for each path more."""
    world.event("event_attended", lead, seminar="s1")
    world.event("card_received", lead, show="EXPO")
    for form in more:
        world.event("form_submitted", lead, form=form)


def test_third_colleague_in_two_weeks_hands_the_company_over(worlds: Worlds) -> None:
    world, (one, two, three) = colleagues(worlds)
    warm(world, one)
    world.until("2026-11-20 10:00")
    warm(world, two, "contact", "whitepaper")  # the highest score
    assert world.journeys("account-hot") == []
    world.until("2026-11-30 09:59")
    warm(world, three)
    (journey,) = world.journeys("account-hot")
    assert journey.lead_id == two
    assert journey.subject_key == f"company:{world.lead(one).company_id}"
    offer = world.offer()
    assert (offer.lead_id, offer.what, offer.assignee) == (two, "company", OWNER)
    assert shown(offer.accept_by) == "2026-12-01 09:59"
    assert world.lead(two).tags == ["vip"]
    assert "handoff" in "".join(world.notices(OWNER))


def test_third_colleague_after_two_weeks_is_too_late(worlds: Worlds) -> None:
    world, (one, two, three) = colleagues(worlds)
    warm(world, one)
    world.until("2026-11-20 10:00")
    warm(world, two)
    world.until("2026-11-30 10:01")
    warm(world, three)
    assert world.journeys("account-hot") == []


def test_same_person_counts_once(worlds: Worlds) -> None:
    world, (one, two, _) = colleagues(worlds)
    warm(world, one)
    warm(world, two, "contact", "whitepaper")  # warm, then hot
    assert world.journeys("account-hot") == []


def test_company_is_handed_over_once(worlds: Worlds) -> None:
    world, leads = colleagues(worlds, 4)
    for lead in leads:
        warm(world, lead)
    assert len(world.journeys("account-hot")) == 1


def test_nobody_accepts_and_the_manager_hears_of_it(worlds: Worlds) -> None:
    world, leads = colleagues(worlds)
    for lead in leads:
        warm(world, lead)
    world.until("2026-11-17 10:00")
    assert "escalation" in "".join(world.notices("manager@acme.example"))


def test_given_back_takes_the_mark_off(worlds: Worlds) -> None:
    world, leads = colleagues(worlds)
    for lead in leads:
        warm(world, lead)
    accept_offer(world.env, world.offer().id)
    world.settle()
    reject_offer(world.env, world.offer().id, "時期尚早")
    world.settle()
    assert world.outcome("account-hot") == "rejected"
    assert all(world.lead(lead).tags == [] for lead in leads)


def test_lost_deal_ends_it_and_ninety_days_of_peace_follow(worlds: Worlds) -> None:
    world, leads = colleagues(worlds, 4)
    for lead in leads[:3]:
        warm(world, lead)
    offer = world.offer()
    accept_offer(world.env, offer.id)
    open_deal(world.env, offer.lead_id, deal_id="d1", offer_id=offer.id)
    world.settle()
    assert world.outcome("account-hot") is None
    lose_deal(world.env, "d1", reason="competitor")
    world.settle()
    assert (world.outcome("account-hot"), world.offer().status) == ("lost", OfferStatus.LOST)
    warm(world, leads[3])
    assert len(world.journeys("account-hot")) == 1
