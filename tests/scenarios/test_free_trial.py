"""無料トライアル: help towards the first results, product-qualified by two different ones."""

from __future__ import annotations

from leadloop.sales.commands import finish_task
from leadloop.storage.tables import OfferStatus
from tests.scenarios.conftest import Worlds
from tests.scenarios.world import World, shown


def started(worlds: Worlds) -> tuple[World, str]:
    """A trial that began on Monday 2026-11-16, 10:00 and ends on Monday 2026-11-30."""
    world = worlds("2026-11-16 10:00")
    lead = world.person()
    world.record("trial", "t1", lead, ends_on="2026-11-30")
    world.event("trial_started", lead, trial="t1")
    return world, lead


def reach(world: World, lead: str, milestone: str, trial: str = "t1") -> None:
    world.event("milestone_reached", lead, trial=trial, milestone=milestone)


def test_two_different_milestones_hand_the_lead_to_sales(worlds: Worlds) -> None:
    world, lead = started(worlds)
    assert world.templates(lead) == ["trial/welcome"]
    assert "11月30日" in world.mail("トライアル開始").text
    world.until("2026-11-17 10:00")
    reach(world, lead, "data_imported")
    assert world.lead(lead).stage == "lead"
    world.until("2026-11-18 10:00")
    reach(world, lead, "member_invited")
    assert world.lead(lead).stage == "pql"
    assert world.outcome("free-trial") == "goal"
    offer = world.offer()
    assert (offer.lead_id, offer.status) == (lead, OfferStatus.OFFERED)
    assert shown(offer.accept_by) == "2026-11-18 14:00"  # four business hours
    assert world.journey("sales-handoff", lead).outcome is None


def test_same_milestone_twice_is_not_two(worlds: Worlds) -> None:
    world, lead = started(worlds)
    reach(world, lead, "data_imported")
    reach(world, lead, "data_imported")
    world.until("2026-11-18 10:00")
    assert world.lead(lead).stage == "lead"
    reach(world, lead, "report_made")
    assert world.lead(lead).stage == "pql"


def test_milestone_before_the_trial_does_not_count(worlds: Worlds) -> None:
    world = worlds("2026-11-16 10:00")
    lead = world.person()
    world.record("trial", "t1", lead, ends_on="2026-11-30")
    reach(world, lead, "data_imported")
    world.event("trial_started", lead, trial="t1")
    reach(world, lead, "report_made")
    assert world.lead(lead).stage == "lead"


def test_milestone_of_another_trial_does_not_count(worlds: Worlds) -> None:
    world, lead = started(worlds)
    world.record("trial", "t2", lead, ends_on="2026-12-20")
    world.event("trial_started", lead, trial="t2")
    reach(world, lead, "data_imported", "t1")
    reach(world, lead, "report_made", "t2")
    assert world.lead(lead).stage == "lead"


def test_who_has_not_imported_is_helped_and_called(worlds: Worlds) -> None:
    world, lead = started(worlds)
    world.until("2026-11-19 10:00")
    assert world.sent(lead)[-1] == ("trial/how-to-import", "2026-11-19 10:00")
    task = world.task()
    assert (task.title, shown(task.due_at)) == ("初期設定の支援", "2026-11-20 10:00")
    finish_task(world.env, task.id, "absent")
    world.settle()
    world.until("2026-11-20 10:00")
    assert len(world.tasks("free-trial")) == 2  # again after one business day
    finish_task(world.env, world.task().id, "connected")
    world.until("2026-11-27 12:00")
    assert world.sent(lead)[-1] == ("trial/ending", "2026-11-27 10:00")  # three days before the end
    world.until("2026-11-30 17:59")
    assert world.outcome("free-trial") is None
    world.until("2026-11-30 18:00")
    assert world.outcome("free-trial") == "expired"


def test_who_has_imported_is_not_told_how(worlds: Worlds) -> None:
    world, lead = started(worlds)
    reach(world, lead, "data_imported")
    world.until("2026-11-27 12:00")
    assert world.templates(lead) == ["trial/welcome", "trial/ending"]
    assert world.tasks() == []


def test_end_that_is_put_off_moves_the_mail(worlds: Worlds) -> None:
    world, lead = started(worlds)
    reach(world, lead, "data_imported")
    world.until("2026-11-25 10:00")
    world.record("trial", "t1", ends_on="2026-12-14")
    world.until("2026-12-12 10:00")
    assert world.sent(lead)[-1] == ("trial/ending", "2026-12-11 10:00")
    reach(world, lead, "member_invited")  # a day before the end
    assert world.lead(lead).stage == "pql"


def test_deal_ends_the_trial(worlds: Worlds) -> None:
    world, lead = started(worlds)
    world.event("deal_opened", lead, deal="d1")
    assert world.outcome("free-trial") == "exited"
    world.until("2026-12-15 10:00")
    assert world.templates(lead) == ["trial/welcome"]
