"""失注リサイクル: rest as long as the reason says, care, and come back; three times at most."""

from __future__ import annotations

import pytest

from leadloop.sales.commands import lose_deal, open_deal
from tests.scenarios.conftest import Worlds
from tests.scenarios.world import World, shown

NAME = "lost-deal-recycle"


def lost(worlds: Worlds, reason: str, revisit_on: str | None = None) -> tuple[World, str]:
    """A deal that was lost on Monday 2026-11-16, 10:00."""
    world = worlds("2026-11-16 10:00")
    lead = world.person("nurture", company="東都商事", stage="sal", last_owner="ito@acme.example")
    lose(world, lead, "d1", reason, revisit_on)
    return world, lead


def lose(world: World, lead: str, deal: str, reason: str, revisit_on: str | None = None) -> None:
    open_deal(world.env, lead, deal_id=deal)
    world.settle()
    lose_deal(world.env, deal, reason=reason, revisit_on=revisit_on)
    world.settle()


@pytest.mark.parametrize(
    ("reason", "revisit_on", "until"),
    [
        ("timing", None, "2027-01-15 10:00"),  # 60 days
        ("ringi_rejected", None, "2027-05-15 10:00"),  # 180 days
        ("no_contact", None, "2027-01-15 10:00"),  # the default
        ("timing", "2027-04", "2027-04-01 09:00"),  # 「4月にまた」
        ("competitor", "2027-04-05", "2027-04-05 09:00"),
    ],
)
def test_rest_is_as_long_as_was_said(worlds: Worlds, reason: str, revisit_on: str | None, until: str) -> None:
    world, lead = lost(worlds, reason, revisit_on)
    assert world.lead(lead).stage == "recycled"
    assert world.step(NAME) == "back"
    assert shown(world.journey(NAME).due_at) == until
    world.until(until)
    assert world.sent(lead) in ([], [("tips/1", until)])  # nothing while it rests
    assert world.step(NAME) == "care"
    world.pass_by(days=5)
    assert world.templates(lead) == ["tips/1"]


def test_inquiry_ends_the_rest(worlds: Worlds) -> None:
    world, lead = lost(worlds, "competitor")
    world.until("2026-12-01 10:00")
    world.event("form_submitted", lead, form="contact")
    assert world.step(NAME) == "call"
    task = next(one for one in world.tasks(NAME))
    assert (task.assignee, shown(task.due_at)) == ("ito@acme.example", "2026-12-01 10:15")


def test_rest_leaves_the_lead_alone(worlds: Worlds) -> None:
    world, lead = lost(worlds, "timing")
    world.until("2026-12-01 10:00")
    world.event("event_attended", lead, seminar="s1")
    world.event("card_received", lead, show="EXPO")
    assert world.lead(lead).stage == "recycled"


def test_fourth_loss_is_the_last(worlds: Worlds) -> None:
    world, lead = lost(worlds, "timing")
    for number in range(2, 5):
        world.pass_by(days=70)
        lose(world, lead, f"d{number}", "timing")
    assert [one.outcome for one in world.journeys(NAME)] == ["exited", "exited", "exited", "given_up"]
    assert world.lead(lead).cycle == 3


def test_same_loss_reported_twice_is_one(worlds: Worlds) -> None:
    world, _ = lost(worlds, "timing")
    assert lose_deal(world.env, "d1", reason="timing").no_op == "already_lost"
    world.settle()
    assert len(world.journeys(NAME)) == 1


def test_lead_without_a_company_is_recycled_too(worlds: Worlds) -> None:
    world = worlds("2026-11-16 10:00")
    lead = world.person("nurture", stage="sal")
    lose(world, lead, "d1", "timing")
    assert world.lead(lead).stage == "recycled"
    assert world.step(NAME) == "back"
