"""What sales and the model's journeys mean to each other: offers are taken back, clocks stopped."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from typing import TYPE_CHECKING

from tests.model import clocks
from tests.model.journey import Journey
from tests.model.lead import Fact

if TYPE_CHECKING:
    from tests.model.story import Story


def withdraw(story: Story, journey: Journey, *, taken_up: bool = False, tasks: bool = True) -> None:
    """Take back the journey's tasks, and its offer; what sales works on stays, unless `taken_up`."""
    sales = story.lead.sales
    if tasks:
        sales.withdraw_tasks(journey.id)
    sales.end_offers("withdrawn", journey.id, ("offered", "accepted") if taken_up else ("offered",))
    sync_locks(story)


def sync_locks(story: Story) -> None:
    """Stop or start the clocks of the journeys, as sales works on the lead or not."""
    for journey in story.open_journeys:
        if story.lead.sales.works:
            lock(story, journey)
        elif "sales" in journey.stops:
            clocks.lift(journey, "sales", story.now, journey.plan.pause_clock)


def lock(story: Story, journey: Journey) -> None:
    """Stop the clock of a journey while sales works on the lead; not that of its own hand-off."""
    clock = journey.plan.pause_clock
    if story.lead.sales.works and "sales" not in journey.stops and not journey.shielded and clock != "run":
        journey.stops["sales"] = clock
        if journey is not story.turning:
            clocks.stand_still(journey, story.now)


def report(story: Story, fact: Fact) -> None:
    """Take what sales reports by a command: applied at once, and not recorded where it fits nothing."""
    story.apply_inbox()
    if deepcopy(story.lead.sales).apply(fact.type, dict(fact.properties)):
        story.take(fact)


def begin_cycle(story: Story, journey: Journey, until: datetime, resets: Sequence[str]) -> None:
    """Let the lead rest. One loss is counted once; scores are reset before the rest begins."""
    lead, deal = story.lead, str(journey.cause.properties.get("deal"))
    loss = (deal, lead.sales.losses.get(deal, 0)) if deal in lead.sales.deals else (journey.id, 1)
    if loss not in lead.sales.recycled:
        lead.sales.recycled.add(loss)
        lead.cycle += 1
    for model in sorted(resets):
        lead.add(model, "reset", -lead.points(model, story.now), story.now)
    story.rescore(resets, None)
    story.settle()
    lead.recycle_until = until


def end_cooldown(story: Story) -> None:
    """What turned true while the lead rested, and still is, counts now."""
    story.lead.recycle_until = None
    story.settle()
