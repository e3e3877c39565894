"""What each person of the demo does next: pure, from the seed, the mails and what sales was told.

Every choice has chances of its own, named by person and situation, so that the order in which the
engine gets work done changes no character.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from leadloop.delivery.parsing import ParsedMail
from leadloop.demo.actions import (
    Action,
    FollowLink,
    OpenMail,
    Planned,
    SubmitForm,
    Unsubscribe,
    ViewPages,
)
from leadloop.demo.people import Person, chance_of
from leadloop.demo.sales_cast import SalesCast

_AT_WORK = 0.85
"""Share of what people do that they do at work."""
_WORKING_HOURS = (9, 12, 15)
_WAKING_HOURS = (9, 12, 18, 21)
_WEEKEND = (5, 6)
_ABOUT = ("/", "/product", "/case", "/company", "/blog/approval")
_PRICING = ("/pricing", "/pricing/enterprise", "/pricing/plans")


class Cast:
    """The leads and the sales people. Not safe for several threads: the player calls it in turn."""

    def __init__(
        self, people: Sequence[Person], sales: SalesCast, seed: int, start: datetime, zone: ZoneInfo
    ) -> None:
        self._people = {one.email.lower(): one for one in people}
        self._sales = sales
        self._seed = seed
        self._start = start
        self._zone = zone
        self._mails: dict[tuple[str, str], int] = {}

    def opening(self) -> list[Planned]:
        """Return what people do of their own accord, whatever mail they get."""
        return [plan for person in self._people.values() for plan in self._opening_of(person)]

    def on_mail(self, mail: ParsedMail, at: datetime) -> list[Planned]:
        """Return what the recipient of a mail does about it."""
        person = self._people.get(mail.to.lower())
        if person is None:
            return self._sales.on_notice(mail, at)
        key = (person.email, mail.subject)
        self._mails[key] = self._mails.get(key, 0) + 1
        chance = chance_of(self._seed, person.email, "mail", mail.subject, self._mails[key])
        return self._read(person, mail, at, chance)

    def after(self, action: Action, reply: Mapping[str, Any], at: datetime) -> list[Planned]:
        """Return what follows from something that was done; `reply` is what came back."""
        if isinstance(action, FollowLink):
            return self._land(action, str(reply.get("location", "")), at)
        plans, loss = self._sales.after(action, reply, at)
        if loss is not None and (person := self._people.get(loss.email.lower())) is not None:
            plans += self._come_back(person, loss.revisit_at, loss.round, at)
        return plans

    def _opening_of(self, person: Person) -> list[Planned]:
        if person.comes_after is None:
            return []
        chance = chance_of(self._seed, person.email, "opening")
        first = self._start + person.comes_after
        if person.comes_after > timedelta(hours=1):
            first = self._awake(first, chance)
        fields = dict(person.fields) | ({"consent": "true"} if person.consents else {})
        plans = [Planned(first, SubmitForm("whitepaper", fields))]
        if person.interest == "keen":
            begin = first + timedelta(days=chance.uniform(0.5, 6))
            plans += self._research(person, begin, chance, days=3, inquires=0.62)
        elif person.interest == "mild" and chance.random() < 0.5:
            at = self._awake(first + timedelta(days=chance.uniform(1, 20)), chance)
            plans.append(Planned(at, ViewPages(person.email, (chance.choice(_ABOUT),))))
        return plans

    def _research(
        self, person: Person, begin: datetime, chance: Random, days: int, inquires: float
    ) -> list[Planned]:
        """Return visits on some days, the prices among them, and perhaps an inquiry."""
        plans = []
        at = begin
        for number in range(days):
            at = self._awake(at, chance)
            paths: tuple[str, ...] = (_PRICING[number % len(_PRICING)],)
            if chance.random() < 0.3:
                paths = (chance.choice(_ABOUT), *paths)
            plans.append(Planned(at, ViewPages(person.email, paths)))
            at += timedelta(hours=chance.uniform(20, 40))
        if chance.random() < inquires:
            inquiry = SubmitForm("contact", {"email": person.email})
            plans.append(Planned(plans[-1].at + timedelta(minutes=chance.uniform(3, 90)), inquiry))
        return plans

    def _read(self, person: Person, mail: ParsedMail, at: datetime, chance: Random) -> list[Planned]:
        delay = timedelta(minutes=2) + timedelta(hours=chance.expovariate(1 / 7))
        if chance.random() >= person.opens:
            return []
        opened_at = self._awake(at + delay, chance)
        plans = [Planned(opened_at, OpenMail(mail.images))]
        links = [link.url for link in mail.links if "/t/c/" in link.url]
        if links and chance.random() < person.clicks:
            clicked_at = opened_at + timedelta(minutes=chance.uniform(1, 15))
            plans.append(Planned(clicked_at, FollowLink(chance.choice(links), person.email)))
        elif mail.unsubscribe_url is not None and chance.random() < person.leaves:
            left_at = opened_at + timedelta(minutes=1)
            plans.append(Planned(left_at, Unsubscribe(mail.unsubscribe_url)))
        return plans

    def _land(self, action: FollowLink, location: str, at: datetime) -> list[Planned]:
        """The prices report their view, as the site's own script does; other pages have none."""
        path = urlsplit(location).path
        if not path.startswith(_PRICING[0]):
            return []
        return [Planned(at + timedelta(minutes=1), ViewPages(action.email, (path,)))]

    def _come_back(
        self, person: Person, revisit_at: datetime | None, round_no: int, at: datetime
    ) -> list[Planned]:
        """After a lost deal: look again once the time has come, or ask again before anybody calls."""
        chance = chance_of(self._seed, person.email, "comes back", round_no)
        if not person.returns:
            return []
        if revisit_at is not None:
            begin = revisit_at + timedelta(days=chance.uniform(0.2, 3))
            return self._research(person, begin, chance, days=4, inquires=0.92)
        if chance.random() < 0.5:
            return []
        asks_at = self._awake(at + timedelta(days=chance.uniform(3, 12)), chance)
        again = self._research(person, asks_at + timedelta(days=2), chance, days=4, inquires=0.6)
        return [Planned(asks_at, SubmitForm("contact", {"email": person.email})), *again]

    def _awake(self, at: datetime, chance: Random) -> datetime:
        """Return an instant soon after: people are mostly at work, sleep at night, and look at their
        mail and the web every few hours."""
        at_work = chance.random() < _AT_WORK
        hours = _WORKING_HOURS if at_work else _WAKING_HOURS
        minute = chance.randint(0, 45)
        day = at.astimezone(self._zone).replace(minute=minute, second=0, microsecond=0)
        while True:
            for hour in hours:
                found = day.replace(hour=hour)
                if found >= at and not (at_work and found.weekday() in _WEEKEND):
                    return found.astimezone(at.tzinfo)
            day += timedelta(days=1)
