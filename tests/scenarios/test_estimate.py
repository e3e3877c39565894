"""見積もり未発注: one journey for each estimate; who waits for the ringi is called four times."""

from __future__ import annotations

from leadloop.sales.commands import finish_task
from tests.scenarios.conftest import Worlds
from tests.scenarios.world import World, shown

NAME = "abandoned-estimate"


def opened(worlds: Worlds) -> tuple[World, str]:
    """An estimate of 1,200,000 yen that was opened on Monday 2026-11-16 and is valid until December 18."""
    world = worlds("2026-11-16 10:00", NAME)
    lead = world.person(owner="ito@acme.example")
    estimate(world, lead, "e1")
    return world, lead


def estimate(world: World, lead: str, key: str, valid_until: str = "2026-12-18") -> None:
    title = "承認システム 100名"
    world.record("estimate", key, lead, None, title=title, amount=1_200_000, valid_until=valid_until)
    world.event("estimate_opened", lead, estimate=key)


def call(world: World, outcome: str, date: str | None = None) -> None:
    finish_task(world.env, world.task().id, outcome, date=date)
    world.settle()


def test_reminded_warned_and_called(worlds: Worlds) -> None:
    world, lead = opened(worlds)
    world.until("2026-12-15 10:00")
    assert world.sent(lead) == [
        ("estimate/remind", "2026-11-19 10:00"),
        ("estimate/expiring", "2026-12-15 10:00"),
    ]
    assert "承認システム 100名" in world.mail("お見積もりの内容").text
    assert "12月18日" in world.mail("有効期限").text
    assert (world.task().assignee, shown(world.task().due_at)) == ("ito@acme.example", "2026-12-16 10:00")


def test_who_opens_it_again_is_called_at_once(worlds: Worlds) -> None:
    world, lead = opened(worlds)
    world.until("2026-11-24 15:00")
    world.event("estimate_opened", lead, estimate="e1")
    assert world.step(NAME) == "call"
    assert world.templates(lead) == ["estimate/remind"]


def test_order_ends_the_journey_of_its_estimate_only(worlds: Worlds) -> None:
    world, lead = opened(worlds)
    estimate(world, lead, "e2", "2026-12-25")
    world.until("2026-11-20 10:00")
    assert world.templates(lead) == ["estimate/remind"] * 2
    world.event("ordered", lead, estimate="e1")
    assert world.outcome(NAME, lead, "e1") == "goal"
    assert world.outcome(NAME, lead, "e2") is None
    world.until("2026-12-22 10:00")
    assert world.sent(lead)[2:] == [("estimate/expiring", "2026-12-22 10:00")]


def test_call_is_repeated_on_the_day_that_was_named(worlds: Worlds) -> None:
    world, lead = opened(worlds)
    world.until("2026-11-24 15:00")
    world.event("estimate_opened", lead, estimate="e1")
    call(world, "in_ringi", "2026-12-10")
    world.until("2026-12-10 08:59")
    assert len(world.tasks()) == 1
    world.until("2026-12-10 09:00")
    assert len(world.tasks()) == 2
    call(world, "in_ringi")  # no date this time: five business days
    world.until("2026-12-17 09:00")
    assert len(world.tasks()) == 3
    call(world, "ordering")
    assert world.outcome(NAME) == "done"


def test_four_calls_are_enough(worlds: Worlds) -> None:
    world, lead = opened(worlds)
    world.until("2026-11-24 15:00")
    world.event("estimate_opened", lead, estimate="e1")
    for number in range(1, 5):
        assert len(world.tasks()) == number
        call(world, "in_ringi")
        world.pass_by(days=14)
    assert len(world.tasks()) == 4
    assert world.outcome(NAME) == "done"


def test_lost_deal_ends_it(worlds: Worlds) -> None:
    world, lead = opened(worlds)
    world.event("deal_lost", lead, deal="d1", reason="competitor")
    assert world.outcome(NAME) == "exited"
