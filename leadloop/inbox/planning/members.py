"""How many people match an entry already: members of segments, and who did it in the past."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from leadloop.conditions import Facts
from leadloop.inbox.facts import lead_facts, lead_zone
from leadloop.journey.calendar import add_span
from leadloop.journey.matching import property_matches
from leadloop.journey.segments import memberships
from leadloop.language.plan import (
    EntryMatch,
    EventMatch,
    InactiveMatch,
    Publication,
    ScheduleMatch,
    SegmentMatch,
    StageMatch,
)
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Event, Lead

SAMPLE = 1_000
"""So many leads are asked a condition; more than that are estimated from them."""
_AT_ONCE = 1_000


class MemberCounter:
    """Counts people with a mail address; the same question is answered once."""

    def __init__(
        self, session: Session, env: Environment, old: Publication | None, new: Publication, now: datetime
    ) -> None:
        self._session = session
        self._env = env
        self._old = old
        self._new = new
        self._now = now
        self._known: dict[str, int] = {}
        self.remarks: list[str] = []

    def scheduled(self, match: ScheduleMatch) -> int:
        """Return how many a schedule enters at once: a segment's members, or everybody."""
        return self._everybody() if match.segment is None else self._members(match.segment)

    def matching(self, match: EntryMatch, scenario: str) -> int:
        """Return how many match an entry now, those aside who are in the scenario already."""
        people = self._once(match.model_dump_json(), lambda: self._count(match))
        return max(0, people - self._inside(scenario))

    def _count(self, match: EntryMatch) -> int:
        if isinstance(match, SegmentMatch):
            return self._members(match.segment)
        if isinstance(match, EventMatch):
            return self._who_did(match)
        if isinstance(match, StageMatch):
            return self._leads(col(Lead.stage).in_(match.stages))
        if isinstance(match, InactiveMatch):
            zone = lead_zone(Lead(created_at=self._now), self._new.workspace)
            before = add_span(
                self._now, match.after.model_copy(update={"amount": -match.after.amount}), zone, None
            )
            return self._leads(func.coalesce(Lead.last_active_at, Lead.created_at) <= before)
        return 0  # by a date, a schedule or by hand: nobody matches now

    def _members(self, segment: str) -> int:
        rule = self._new.segments.get(segment)
        before = self._old.segments.get(segment) if self._old is not None else None
        is_known = rule is not None and before is not None and before.when == rule.when
        count = self._listed if is_known else self._who_would_join
        return self._once(f"segment {segment}", lambda: count(segment))

    def _listed(self, segment: str) -> int:
        rows = self._session.exec(
            select(Lead.segments).where(*_mailable()).execution_options(yield_per=_AT_ONCE)
        )
        return sum(segment in segments for segments in rows)

    def _who_did(self, match: EventMatch) -> int:
        """Count people with such an event; its `where` is not looked at."""
        rows: Any = self._session.exec(
            select(Event.lead_id, Event.properties)
            .where(Event.type == match.event, col(Event.lead_id).is_not(None))
            .execution_options(yield_per=_AT_ONCE)
        )
        return len(
            {
                lead_id
                for lead_id, properties in rows
                if all(property_matches(wanted, properties) for wanted in match.properties)
            }
        )

    def _who_would_join(self, segment: str) -> int:
        published = self._new.segments
        return self._asked(lambda facts: segment in memberships(published, facts), f"the segment {segment}")

    def _asked(self, question: Callable[[Facts], bool], what: str) -> int:
        """Return of how many leads a question is true, asked of the newest ones where they are many."""
        total = self._everybody()
        rows = self._session.exec(
            select(Lead).where(*_mailable()).order_by(col(Lead.id).desc()).limit(SAMPLE)
        ).all()
        met = sum(question(lead_facts(self._session, self._new, lead, self._now)) for lead in rows)
        if total <= len(rows):
            return met
        self.remarks.append(f"{what} was asked of the {len(rows)} newest leads only")
        return round(total * met / len(rows))

    def _everybody(self) -> int:
        return self._once("everybody", self._leads)

    def _leads(self, *conditions: Any) -> int:
        return self._session.exec(
            select(func.count()).select_from(Lead).where(*_mailable(), *conditions)
        ).one()

    def _inside(self, scenario: str) -> int:
        return self._session.exec(
            select(func.count())
            .select_from(Enrolment)
            .where(Enrolment.scenario == scenario, Enrolment.status != EnrolmentStatus.ENDED)
        ).one()

    def _once(self, question: str, count: Callable[[], int]) -> int:
        if question not in self._known:
            self._known[question] = count()
        return self._known[question]


def _mailable() -> tuple[Any, ...]:
    return (col(Lead.email).is_not(None), col(Lead.erased_at).is_(None), col(Lead.merged_into).is_(None))
