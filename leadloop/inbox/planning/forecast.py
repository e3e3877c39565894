"""How many mails to expect after publishing: an estimate from what is open and what would enter.

It counts mails that wait in the outbox, mails of open journeys along their way if nobody reacts, and
mails of people who enter by a schedule or because `existing: include` takes in those who match
already. Permission, caps, send windows and the audience take mails off; entries by future events add
some. Neither is in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import Session, col, select

from leadloop.inbox.planning.members import MemberCounter
from leadloop.inbox.planning.people import Destiny, destiny
from leadloop.inbox.planning.walking import Mails, Walker
from leadloop.journey.points import span_delta
from leadloop.journey.schedule import next_instant, zone_of
from leadloop.language.plan import Calendar, Entry, Plan, Publication, ScheduleMatch, StreamStep, Target
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Message, MessageStatus

DAY = timedelta(hours=24)
WEEK = timedelta(days=7)
_ROUNDED = timedelta(minutes=10)
_AT_ONCE = 1_000
_IN_FLIGHT = ("sending", "held", "calling")
HOW = (
    "An estimate: mails in the outbox, open journeys along their way if nobody reacts, and people who "
    "enter by a schedule or `existing: include`. Permission, caps, send windows and audiences are not "
    "taken off; entries by future events are not added."
)
OUTBOX, JOURNEYS, SCHEDULE, EXISTING = "outbox", "journeys", "schedule", "existing"


@dataclass
class Forecast:
    """Mails to expect in the first 24 hours and in 7 days, by where they come from and by scenario."""

    day: int = 0
    week: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    """`outbox`, `journeys`, `schedule` or `existing` -> mails in 7 days."""
    scenarios: Counter[str] = field(default_factory=Counter)
    """Scenario -> mails in 7 days."""
    remarks: list[str] = field(default_factory=list)
    """What could not be counted, or only by a sample, in words."""

    def add(self, source: str, scenario: str, mails: Mails, now: datetime, people: int = 1) -> None:
        """Count the mails of so many people."""
        self.day += people * sum(at < now + DAY for at in mails)
        self.week += people * len(mails)
        self.sources[source] += people * len(mails)
        self.scenarios[scenario] += people * len(mails)


def forecast(
    session: Session, env: Environment, old: Publication | None, new: Publication, now: datetime
) -> Forecast:
    """Return the mails to expect once `new` is published in place of `old`."""
    return _Forecaster(session, env, old, new, now).run()


class _Forecaster:
    def __init__(
        self, session: Session, env: Environment, old: Publication | None, new: Publication, now: datetime
    ) -> None:
        self._session = session
        self._env = env
        self._old = old
        self._new = new
        self._now = now
        self._zone = ZoneInfo(new.workspace.timezone)
        self._digests = {name: digest for name, digest in new.digests().items() if name.startswith("plan:")}
        self._walkers: dict[str, Walker] = {}
        self._found = Forecast()

    def run(self) -> Forecast:
        self._outbox()
        self._journeys()
        members = MemberCounter(self._session, self._env, self._old, self._new, self._now)
        for plan in self._new.plans.values():
            for entry in plan.entry:
                self._entry(plan, entry, members)
        self._found.remarks += members.remarks
        return self._found

    def _outbox(self) -> None:
        rows = self._session.exec(
            select(Message.scenario, Message.hold_until, func.count())
            .where(
                Message.kind == "mail",
                col(Message.status).in_((MessageStatus.NEW, MessageStatus.HELD)),
            )
            .group_by(col(Message.scenario), col(Message.hold_until))
        ).all()
        for scenario, hold_until, people in rows:
            at = max(hold_until or self._now, self._now)
            if at < self._now + WEEK:
                self._found.add(OUTBOX, scenario, (at,), self._now, people)

    def _journeys(self) -> None:
        known: dict[tuple[str, str, str, str, datetime], Mails] = {}
        for row in self._open_rows():
            at = self._continues_at(row)
            if at is None or at >= self._now + WEEK:
                continue
            step, phase = str(row.state.get("step", "")), str(row.state.get("phase", ""))
            key = (row.scenario, row.plan_digest, step, phase if row.turn_no else "new", at)
            if key not in known:
                known[key] = self._mails_of(*key)
            self._found.add(JOURNEYS, row.scenario, known[key], self._now)

    def _open_rows(self) -> Iterator[Any]:
        columns = (
            Enrolment.scenario, Enrolment.plan_digest, Enrolment.state, Enrolment.due_at, Enrolment.turn_no,
        )  # fmt: skip
        running = Enrolment.status == EnrolmentStatus.RUNNING
        yield from self._session.execute(  # SQLModel's `exec` knows at most four columns
            select(*columns).where(running).execution_options(yield_per=_AT_ONCE)  # type: ignore[call-overload]
        )

    def _continues_at(self, row: Any) -> datetime | None:
        """Return when a journey goes on without an event, to ten minutes; None where it never does."""
        in_flight = row.state.get("phase") in _IN_FLIGHT
        if row.due_at is None and row.turn_no > 0 and not in_flight:
            return None
        at = max(row.due_at or self._now, self._now)
        return at if at == self._now else at - (at - self._now) % _ROUNDED

    def _mails_of(self, scenario: str, digest: str, step_id: str, phase: str, at: datetime) -> Mails:
        plan, fate = self._plan_after(scenario, digest, step_id)
        if plan is None or fate.fate in ("finish", "exit"):
            return ()
        walker = self._walker(plan)
        step = plan.steps.get(fate.to or step_id)
        if step is None:
            return ()
        if phase in ("", "new"):
            return walker.mails(Target(step=step.id), at)
        if phase in _IN_FLIGHT and isinstance(step, StreamStep):  # this cast is in the outbox
            return walker.after_cast(step, at)
        return walker.after(step, at)

    def _plan_after(self, scenario: str, digest: str, step: str) -> tuple[Plan | None, Destiny]:
        """Return the plan that a journey runs on once the new version is live."""
        current = self._new.plans.get(scenario)
        if current is not None and self._digests.get(f"plan:{scenario}") == digest:
            return current, Destiny("stay")
        fate = destiny(current, step)
        if fate.fate == "move":
            return current, fate
        return self._env.publications.plan(digest, self._session), fate

    def _entry(self, plan: Plan, entry: Entry, members: MemberCounter) -> None:
        match = entry.match
        start = Target(step=entry.start or plan.first)
        if isinstance(match, ScheduleMatch):
            people = _at_most(entry, members.scheduled(match), DAY)
            zone = zone_of(match, self._zone)
            at = next_instant(match.schedule, self._now, zone)
            while at < self._now + WEEK:
                mails = self._walker(plan).mails(start, at)
                self._found.add(SCHEDULE, plan.scenario, mails, self._now, people)
                at = next_instant(match.schedule, at, zone)
        elif entry.existing == "include" and self._is_new(plan, entry):
            people = _at_most(entry, members.matching(match, plan.scenario), WEEK)
            first_day = _at_most(entry, people, DAY)
            mails = self._walker(plan).mails(start, self._now)
            self._found.add(EXISTING, plan.scenario, mails, self._now, first_day)
            later = tuple(at + DAY for at in mails if at + DAY < self._now + WEEK)
            self._found.add(EXISTING, plan.scenario, later, self._now, people - first_day)

    def _is_new(self, plan: Plan, entry: Entry) -> bool:
        before = self._old.plans.get(plan.scenario) if self._old is not None else None
        return before is None or not any(
            one.existing == "include" and one.match == entry.match for one in before.entry
        )

    def _walker(self, plan: Plan) -> Walker:
        key = f"{plan.scenario}:{id(plan)}"
        if key not in self._walkers:
            self._walkers[key] = Walker(
                plan, self._new.streams, self._zone, _send_calendar(self._new), self._now + WEEK
            )
        return self._walkers[key]


def _at_most(entry: Entry, people: int, within: timedelta) -> int:
    """Return how many of the people an entry's limit lets in within a time."""
    if entry.limit is None:
        return people
    periods = max(1, -(-within // span_delta(entry.limit.per)))
    return min(people, entry.limit.count * periods)


def _send_calendar(publication: Publication) -> Calendar | None:
    window = publication.workspace.limits.send_window
    return publication.workspace.calendars.get(window.calendar) if window is not None else None
