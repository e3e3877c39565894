"""契約更新: mails 90, 60 and 30 days before the date of each contract, then a call."""

from __future__ import annotations

import pytest

from leadloop.sales.commands import finish_task
from tests.inbox.driver import events
from tests.scenarios.conftest import Worlds
from tests.scenarios.world import World, shipped, shown

COMPANY = "東都商事株式会社"


def signed(
    worlds: Worlds, start: str = "2026-11-02 10:00", renews_on: str = "2027-03-31"
) -> tuple[World, str]:
    """A customer with the contract c1."""
    world = worlds(start, "renewal")
    lead = world.person(company=COMPANY, stage="customer", owner="ito@acme.example")
    world.record("contract", "c1", lead, None, renews_on=renews_on, status="active", plan="スタンダード")
    return world, lead


def test_ninety_sixty_thirty_days_before(worlds: Worlds) -> None:
    world, lead = signed(worlds)
    world.until("2027-03-10 10:00")
    assert world.sent(lead) == [
        ("renewal/90", "2026-12-31 09:00"),
        ("renewal/60", "2027-01-30 09:00"),
        ("renewal/30", "2027-03-01 09:00"),
    ]
    assert "2027年3月31日" in world.mail("30日前").text
    task = world.task()
    assert (task.title, task.assignee) == ("契約更新のご意向確認", "ito@acme.example")
    assert shown(task.due_at) == "2027-03-04 09:00"
    finish_task(world.env, task.id, "renew")
    world.settle()
    assert world.outcome("renewal") == "asked"


def test_who_wants_to_leave_is_told_to_the_manager(worlds: Worlds) -> None:
    world, _ = signed(worlds)
    world.until("2027-03-02 10:00")
    finish_task(world.env, world.task().id, "cancel")
    world.settle()
    assert world.outcome("renewal") == "churn"
    assert "スタンダード" in world.mail("解約の意向").text
    assert world.mail("解約の意向").to == "manager@acme.example"


def test_contracts_of_a_company_run_side_by_side(worlds: Worlds) -> None:
    world, lead = signed(worlds)
    colleague = world.person(company_id=world.lead(lead).company_id, stage="customer")
    world.record("contract", "c2", colleague, None, renews_on="2027-02-28", status="active")
    world.until("2027-01-15 10:00")
    assert world.sent(lead) == [("renewal/90", "2026-12-31 09:00")]
    assert world.sent(colleague) == [("renewal/90", "2026-11-30 09:00"), ("renewal/60", "2026-12-30 09:00")]
    assert {one.record_key for one in world.journeys("renewal")} == {"c1", "c2"}


def test_date_that_moves_takes_its_mails_along(worlds: Worlds) -> None:
    world, lead = signed(worlds)
    world.until("2027-01-10 10:00")
    world.record("contract", "c1", renews_on="2027-05-31")
    world.until("2027-05-05 10:00")
    assert world.sent(lead) == [
        ("renewal/90", "2026-12-31 09:00"),
        ("renewal/60", "2027-04-01 09:00"),
        ("renewal/30", "2027-05-01 09:00"),
    ]


def test_date_that_moves_nearer_leaves_out_what_is_past(worlds: Worlds) -> None:
    world, lead = signed(worlds)
    world.until("2027-01-10 10:00")
    world.record("contract", "c1", renews_on="2027-02-20")
    world.until("2027-01-25 10:00")
    assert world.sent(lead)[1:] == [("renewal/30", "2027-01-21 09:00")]


@pytest.mark.parametrize("how", ["status", "event"])
def test_contract_that_ends_or_is_renewed_ends_its_journey(worlds: Worlds, how: str) -> None:
    world, lead = signed(worlds)
    world.until("2027-01-10 10:00")
    if how == "status":
        world.record("contract", "c1", status="ended")
    else:
        world.event("contract_renewed", lead, contract="c1")
    assert world.outcome("renewal") == "exited"
    world.until("2027-04-10 10:00")
    assert world.templates(lead) == ["renewal/90"]


def test_renewal_of_another_contract_ends_nothing(worlds: Worlds) -> None:
    world, lead = signed(worlds)
    world.record("contract", "c2", lead, None, renews_on="2027-12-31", status="active")
    world.until("2027-01-10 10:00")
    world.event("contract_renewed", lead, contract="c2")
    assert world.outcome("renewal") is None


def test_contracts_that_are_near_already_enter_when_the_scenario_is_published(worlds: Worlds) -> None:
    world = worlds("2027-02-10 10:00", "whitepaper-nurture")
    lead = world.person(company=COMPANY, stage="customer")
    world.record("contract", "near", lead, None, renews_on="2027-03-31", status="active")
    world.record("contract", "past", lead, None, renews_on="2027-01-31", status="active")
    world.publish(shipped(), ["renewal"])
    world.settle()
    assert [one.record_key for one in world.journeys("renewal")] == ["near"]
    world.until("2027-03-05 10:00")
    assert world.templates(lead) == ["renewal/90", "renewal/30"]
    assert len(events(world.env, "entry_due")) == 1
