"""休眠: ninety days without a sign, two mails, then we stop by ourselves until the person comes back."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import select

from leadloop.language.plan import Frequency, Span
from leadloop.storage.tables import Event, TopicSuppression
from tests.factories import make_lead
from tests.inbox.driver import events
from tests.scenarios.conftest import Worlds
from tests.scenarios.world import World, shipped, shown, tokyo


def seen(world: World, lead: str) -> None:
    world.event("page_viewed", lead, path="/blog", seconds=20)


def suppressed(world: World, lead: str) -> dict[str, bool]:
    with world.env.database.read() as session:
        rows = session.exec(select(TopicSuppression).where(TopicSuppression.lead_id == lead)).all()
    return {row.topic: row.lifted_at is None for row in rows}


def gone_quiet(worlds: Worlds) -> tuple[World, str]:
    """A lead that looked at a page on Monday 2026-08-31 and was not heard of for ninety days."""
    world = worlds("2026-08-31 10:00")
    lead = world.person("nurture", "newsletter")
    seen(world, lead)
    world.until("2026-11-29 09:59")
    assert world.journeys("dormant") == []
    world.until("2026-11-29 10:00")
    assert world.step("dormant") == "miss"
    return world, lead


def test_ninety_days_of_silence_end_in_a_pause(worlds: Worlds) -> None:
    world, lead = gone_quiet(worlds)
    world.until("2027-01-08 10:00")
    asked = [one for one in world.sent(lead) if one[0].startswith("dormant/")]
    assert asked == [
        ("dormant/survey", "2026-11-30 09:00"),  # Sunday is outside the send window
        ("dormant/last-call", "2026-12-14 09:00"),
    ]
    assert world.outcome("dormant") == "sunset"
    assert suppressed(world, lead) == {"nurture": True, "newsletter": True}


def test_paused_lead_gets_no_nurture_until_a_form_lifts_it(worlds: Worlds) -> None:
    world, lead = gone_quiet(worlds)
    world.until("2027-01-08 10:00")
    before = world.templates(lead)
    (result,) = world.enrol("whitepaper-nurture", lead)
    assert result.status == "entered"
    world.until("2027-01-11 10:00")
    assert world.templates(lead) == before
    skipped = world.message(lead, "whitepaper/case")
    assert (skipped.status, skipped.reason) == ("skipped", "suppressed_topic")
    world.event("form_submitted", lead, form="whitepaper")
    assert suppressed(world, lead) == {"nurture": False, "newsletter": False}
    world.until("2027-04-01 10:00")
    assert any(name.startswith(("whitepaper/", "tips/")) for name in world.templates(lead)[len(before) :])


def test_click_wakes_the_lead_up(worlds: Worlds) -> None:
    world, lead = gone_quiet(worlds)
    world.until("2026-12-01 12:00")
    world.click(lead, "dormant/survey")
    assert world.outcome("dormant") == "reactivated"
    assert world.lead(lead).tags == ["reactivated"]
    (event,) = events(world.env, "reactivated")
    assert event.properties == {"after": "dormant"}
    assert suppressed(world, lead) == {}


def test_paper_that_is_asked_for_meanwhile_is_sent(worlds: Worlds) -> None:
    world, lead = gone_quiet(worlds)
    world.until("2026-12-01 12:00")
    world.event("form_submitted", lead, form="whitepaper")
    world.until("2026-12-01 12:01")
    assert world.outcome("dormant") == "reactivated"
    assert world.templates(lead)[-1] == "whitepaper/thanks"


def test_sign_of_life_puts_the_silence_off(worlds: Worlds) -> None:
    world = worlds("2026-08-31 10:00")
    lead = world.person("nurture")
    seen(world, lead)
    world.until("2026-11-20 10:00")
    seen(world, lead)
    world.until("2027-02-18 09:59")
    assert world.journeys("dormant") == []
    world.until("2027-02-18 10:00")
    assert len(world.journeys("dormant")) == 1


def test_known_leads_enter_as_many_a_day_as_the_limit_says(worlds: Worlds) -> None:
    plan = shipped().plans["dormant"]
    (entry,) = plan.entry
    assert entry.limit == Frequency(count=500, per=Span(amount=1, unit="days"))
    five = entry.model_copy(update={"limit": Frequency(count=5, per=Span(amount=1, unit="days"))})
    smaller = {"dormant": plan.model_copy(update={"entry": (five,)})}
    world = worlds("2026-11-16 10:00", "sales-handoff")
    with world.env.database.write() as session:
        for number in range(12):
            make_lead(session, created_at=tokyo("2026-01-10 10:00") + timedelta(seconds=number))
    world.publish(shipped().model_copy(update={"plans": smaller}))
    world.settle()
    assert len(world.journeys("dormant")) == 5
    world.until("2026-11-18 09:00")
    days = [shown(one.entered_at) for one in world.journeys("dormant")]
    assert days == ["2026-11-16 10:00"] * 5 + ["2026-11-17 00:00"] * 5 + ["2026-11-18 00:00"] * 2


def test_customer_is_not_asked_back(worlds: Worlds) -> None:
    world = worlds("2026-08-31 10:00")
    lead = world.person("nurture", stage="customer")
    seen(world, lead)
    world.until("2026-12-31 10:00")
    assert world.journeys("dormant") == []
    with world.env.database.read() as session:
        assert session.exec(select(Event).where(Event.type == "entry_due", Event.lead_id == lead)).all()
