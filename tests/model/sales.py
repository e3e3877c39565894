"""What sales does with the model's lead: offers, tasks and deals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

OPEN = ("offered", "accepted")
ANSWERS = {
    "handoff_accepted": ("offered",),
    "handoff_rejected": OPEN,
    "handoff_working": ("accepted",),
}
"""What sales says about an offer -> the offers of which it may be said."""


@dataclass
class Offer:
    """The lead, offered to a queue by a journey. `key` stands for its id."""

    key: str
    journey: str
    step: str
    """Where it was made; another version may call that step otherwise."""
    status: str = "offered"


@dataclass
class Task:
    """Something that a person is to do for a journey."""

    key: str
    journey: str
    step: str
    outcomes: Sequence[str]
    asks: Sequence[str]
    status: str = "open"
    outcome: str | None = None


@dataclass
class Sales:
    """Everything that sales has to do with one lead."""

    offers: list[Offer] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    deals: dict[str, str] = field(default_factory=dict)
    """Deal -> `open`, `lost`, `won`."""
    losses: dict[str, int] = field(default_factory=dict)
    recycled: set[tuple[str, int]] = field(default_factory=set)
    """Deals, and which of their losses, that were taken back already."""

    @property
    def works(self) -> bool:
        """Whether the lead is offered to sales, or worked on."""
        return any(one.status in OPEN for one in self.offers)

    @property
    def open_deals(self) -> int:
        return sum(status == "open" for status in self.deals.values())

    def offer(self, key: str) -> Offer | None:
        return next((one for one in self.offers if one.key == key), None)

    def task(self, key: str) -> Task | None:
        return next((one for one in self.tasks if one.key == key), None)

    def apply(self, kind: str, about: dict[str, Any]) -> bool:
        """Note what sales reports; False where that fits nothing any more and changes nothing."""
        if kind in ANSWERS:
            offer = self.offer(str(about["offer"]))
            if offer is None or offer.status not in ANSWERS[kind]:
                return False
            known = {"handoff_accepted": "accepted", "handoff_rejected": "rejected"}
            offer.status = known.get(kind, offer.status)
        elif kind == "task_done":
            task = self.task(str(about["task"]))
            if task is None or task.status not in ("open", "overdue"):
                return False
            task.status, task.outcome = "done", str(about["outcome"])
        elif kind in ("deal_opened", "deal_lost", "deal_won"):
            return self._deal(kind, str(about["deal"]))
        return True

    def _deal(self, kind: str, deal: str) -> bool:
        """A won deal stays won; a lost one may be opened again, and won. The last one that ends, or any
        that is won, ends the offers."""
        status = {"deal_opened": "open", "deal_lost": "lost", "deal_won": "won"}[kind]
        if self.deals.get(deal) in ("won", status):
            return False
        self.deals[deal] = status
        if status == "lost":
            self.losses[deal] = self.losses.get(deal, 0) + 1
        if status == "won" or (status == "lost" and not self.open_deals):
            self.end_offers(status)
        return True

    def end_offers(self, status: str, journey: str | None = None, among: Sequence[str] = OPEN) -> None:
        """End the offers, of one journey or of all."""
        for offer in self.offers:
            if offer.status in among and journey in (None, offer.journey):
                offer.status = status

    def withdraw_tasks(self, journey: str) -> None:
        for task in self.tasks:
            if task.journey == journey and task.status in ("open", "overdue"):
                task.status = "withdrawn"
