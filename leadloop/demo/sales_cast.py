"""The sales people of the demo: they read notices, answer offers, work deals, finish tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from leadloop.delivery.parsing import ParsedMail
from leadloop.demo.actions import (
    Action,
    AnswerOffer,
    FinishTask,
    LoseDeal,
    OpenDeal,
    Planned,
    ReadNotice,
    WinDeal,
)
from leadloop.demo.people import chance_of
from leadloop.journey.calendar import add_span
from leadloop.language.plan import Calendar, Span

_REJECTIONS = ("対象外の部署でした", "個人の情報収集でした", "競合の調査でした")
_REASONS = {"timing": 50, "no_budget": 18, "no_contact": 14, "competitor": 10, "ringi_rejected": 8}
_DATED = ("timing", "no_contact", "no_budget")
"""Reasons where sales agrees on a date to talk again."""
_WINS = {1: 0.42, 2: 0.85}


@dataclass(frozen=True)
class Loss:
    """A deal was lost, and the lead knows about it."""

    email: str
    revisit_at: datetime | None
    round: int


class SalesCast:
    """All sales people together, each lead with chances of its own."""

    def __init__(self, seed: int, calendar: Calendar | None, zone: ZoneInfo) -> None:
        self._seed = seed
        self._calendar = calendar
        self._zone = zone
        self._rounds: dict[str, int] = {}
        self._known: dict[str, int] = {}

    def on_notice(self, mail: ParsedMail, at: datetime) -> list[Planned]:
        """Read what the notice is about, some working minutes later."""
        for link in mail.links:
            parts = urlsplit(link.url).path.strip("/").split("/")
            if len(parts) == 3 and parts[0] == "sales" and parts[1] in ("offers", "tasks"):
                notice = ReadNotice(parts[1].removesuffix("s"), parts[2], mail.to)
                return [Planned(self._working(at, 10), notice)]
        return []

    def after(
        self, action: Action, reply: Mapping[str, Any], at: datetime
    ) -> tuple[list[Planned], Loss | None]:
        """Return what sales does next, and the loss that the lead hears of."""
        if isinstance(action, ReadNotice):
            email = str(reply["email"])
            if action.kind == "task":
                return self._task(reply, email, at), None
            return self._offer(reply, email, at), None
        if not reply:  # it came too late, and nothing was changed
            return [], None
        if isinstance(action, AnswerOffer) and action.answer == "accept":
            return self._accepted(action, at), None
        if isinstance(action, FinishTask) and action.outcome == "connected":
            round_no = self._round_of(action.task_id, action.email)
            deal = self._deal(action.email, action.lead_id, None, round_no)
            return [Planned(self._working(at, 60), deal)], None
        if isinstance(action, OpenDeal):
            return [self._outcome(action, at)], None
        if isinstance(action, LoseDeal):
            day = datetime.fromisoformat(action.revisit_on).date() if action.revisit_on else None
            revisit_at = datetime.combine(day, time(9), self._zone) if day else None
            return [], Loss(action.email, revisit_at, action.round)
        return [], None

    def _offer(self, offer: Mapping[str, Any], email: str, at: datetime) -> list[Planned]:
        round_no = self._round_of(str(offer["id"]), email)
        situation = "escalation" if offer.get("escalated_at") else "offer"
        chance = chance_of(self._seed, email, situation, round_no)
        if offer["status"] == "accepted":
            return [self._answer(offer, email, "working", round_no, self._working(at, 45))]
        if offer["status"] != "offered":
            return []
        draw, minutes = chance.random(), chance.randint(5, 150)
        if situation == "escalation":
            answer = "accept" if draw < 0.4 else None
        elif round_no > 1:
            answer = "accept" if draw < 0.95 else None
        else:
            answer = "accept" if draw < 0.74 else "reject" if draw < 0.87 else None
        if answer is None:
            return []
        return [self._answer(offer, email, answer, round_no, self._working(at, minutes), chance)]

    def _answer(
        self,
        offer: Mapping[str, Any],
        email: str,
        answer: str,
        round_no: int,
        at: datetime,
        chance: Random | None = None,
    ) -> Planned:
        reason = chance.choice(_REJECTIONS) if chance is not None and answer == "reject" else ""
        action = AnswerOffer(str(offer["id"]), answer, str(offer["lead"]), email, round_no, reason)
        return Planned(at, action)

    def _accepted(self, action: AnswerOffer, at: datetime) -> list[Planned]:
        chance = chance_of(self._seed, action.email, "accepted", action.round)
        if chance.random() < 0.06:  # never gets round to it
            return []
        opened_at = self._working(at + timedelta(days=chance.uniform(0.3, 4)), 5)
        return [Planned(opened_at, self._deal(action.email, action.lead_id, action.offer_id, action.round))]

    def _deal(self, email: str, lead_id: str, offer_id: str | None, round_no: int) -> OpenDeal:
        amount = chance_of(self._seed, email, "amount", round_no).randint(6, 60) * 50_000
        return OpenDeal(lead_id, email, f"deal-{lead_id[-8:]}-{round_no}", offer_id, amount, round_no)

    def _outcome(self, action: OpenDeal, at: datetime) -> Planned:
        chance = chance_of(self._seed, action.email, "outcome", action.round)
        closed_at = self._working(at + timedelta(days=chance.uniform(2, 8)), 5)
        if chance.random() < _WINS.get(action.round, _WINS[2]):
            return Planned(closed_at, WinDeal(action.deal_id, action.email))
        reason = chance.choices(list(_REASONS), list(_REASONS.values()))[0]
        revisit_on = None
        if reason in _DATED and chance.random() < 0.8:
            day = closed_at.astimezone(self._zone).date() + timedelta(days=chance.randint(3, 10))
            revisit_on = day.isoformat()
        return Planned(closed_at, LoseDeal(action.deal_id, action.email, reason, revisit_on, action.round))

    def _task(self, task: Mapping[str, Any], email: str, at: datetime) -> list[Planned]:
        if task["status"] not in ("open", "overdue"):
            return []
        chance = chance_of(self._seed, email, "task", self._round_of(str(task["id"]), email))
        outcome = "connected" if chance.random() < 0.6 else "absent"
        if outcome not in task["outcomes"]:
            outcome = task["outcomes"][0]
        finish = FinishTask(str(task["id"]), outcome, str(task["lead"]), email)
        return [Planned(self._working(at, chance.randint(2, 40)), finish)]

    def _round_of(self, reference: str, email: str) -> int:
        """How many times sales has dealt with this lead, this offer or task included."""
        if reference not in self._known:
            self._rounds[email] = self._rounds.get(email, 0) + 1
            self._known[reference] = self._rounds[email]
        return self._known[reference]

    def _working(self, at: datetime, minutes: int) -> datetime:
        return add_span(at, Span(amount=minutes, unit="business_minutes"), self._zone, self._calendar)
