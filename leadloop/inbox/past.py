"""What conditions may ask of a lead's past: `did`, counted in SQL, and opening hours.

A lead-level one serves audiences, scoring, segments and streams; a journey's own one knows besides
its entry, its arrivals, its messages and its record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from leadloop.conditions import SURROUNDINGS, EvaluationError, Facts, FactValue
from leadloop.inbox.records_of import concerns
from leadloop.journey.calendar import is_open
from leadloop.journey.past import ENTRY, begins, counted, leaves
from leadloop.language.plan import Calendar, Did, Plan, Workspace
from leadloop.scoring.earlier_events import EarlierEvent, EarlierEvents
from leadloop.scoring.matching import event_matches
from leadloop.storage.tables import Enrolment, Lead, Message


class LeadPast:
    """One lead's past as it is now: the `Surroundings` of conditions that know only the lead."""

    def __init__(
        self,
        session: Session,
        lead: Lead,
        workspace: Workspace,
        zone: ZoneInfo,
        now: datetime,
        earlier: EarlierEvents | None = None,
    ) -> None:
        self.zone = zone
        self.session = session
        self.lead = lead
        self.workspace = workspace
        self.now = now
        self.earlier = earlier or EarlierEvents(session, lead.id)
        self.facts: Facts = {}
        """What a question's `where` may read; set by `bind`."""

    def bind(self, facts: dict[str, FactValue]) -> None:
        """Put this past among the facts, and let its questions read them."""
        cast(dict[str, Any], facts)[SURROUNDINGS] = self
        self.facts = facts

    def did(self, question: Did) -> bool:
        """Return whether the lead did it, counted as the question says: one query, cut short."""
        return len(self._counted(question)) >= question.at_least

    def is_open(self, calendar: str) -> bool:
        """Return whether a calendar is open now, in the lead's zone."""
        declared = self.workspace.calendars.get(calendar)
        if declared is None:
            raise EvaluationError(f'open("{calendar}"): no such calendar is published any more')
        return is_open(declared, self.now, self.zone)

    def next_change(self, question: Did) -> datetime | None:
        """Return when the answer turns false by time alone, if nothing happens until then; else None.

        That is when the oldest event that still counts leaves `within`. What is false turns true by
        an event only.
        """
        if question.within is None:
            return None
        found = self._counted(question)
        if len(found) < question.at_least:
            return None
        return leaves(found[-1], question.within, self.now, self.zone, self._calendar())

    # --- for journeys to say more

    def since_seq(self, question: Did) -> int | None:
        """Return the `lead_seq` after which events count; None where nothing can count."""
        if question.since is not None:
            raise EvaluationError("`since` needs a journey")
        return 0

    def messages_of(self, steps: tuple[str, ...]) -> frozenset[str]:
        """Return the ids of the messages that `of` stands for."""
        return frozenset()

    def is_about(self, event: EarlierEvent) -> bool:
        """Return whether the event is about what is asked here, not about another record."""
        return True

    # --- counting

    def _counted(self, question: Did) -> list[datetime]:
        return counted(self._matching(question), question)

    def _matching(self, question: Did) -> Iterator[EarlierEvent]:
        match = question.match
        since = self.since_seq(question)
        messages = self.messages_of(match.of)
        if since is None or (match.of and not messages):
            return
        begin = None
        if question.within is not None:
            begin = begins(question.within, self.now, self.zone, self._calendar())
        of = messages if match.of else None
        for event in self.earlier.newest_first(match.event, begin, since, of):
            if self.is_about(event) and event_matches(match, event, self.facts):
                yield event

    def _calendar(self) -> Calendar | None:
        window = self.workspace.limits.send_window
        return self.workspace.calendars.get(window.calendar) if window else None


class EnteringPast(LeadPast):
    """The past as a journey sees it that is about to begin: it has no entry and no steps to count from."""

    def since_seq(self, question: Did) -> int | None:
        return 0 if question.since is None else None


class JourneyPast(LeadPast):
    """The past as one journey sees it."""

    def __init__(
        self,
        session: Session,
        lead: Lead,
        workspace: Workspace,
        zone: ZoneInfo,
        now: datetime,
        enrolment: Enrolment,
        plan: Plan,
        arrivals: Mapping[str, int],
        earlier: EarlierEvents | None = None,
    ) -> None:
        super().__init__(session, lead, workspace, zone, now, earlier)
        self._enrolment = enrolment
        self._plan = plan
        self._arrivals = arrivals

    def arrived(self, arrivals: Mapping[str, int], facts: Facts) -> JourneyPast:
        """Return the past for a walk that has gone on since its facts were read."""
        past = JourneyPast(
            self.session,
            self.lead,
            self.workspace,
            self.zone,
            self.now,
            self._enrolment,
            self._plan,
            arrivals,
            self.earlier,
        )
        past.facts = facts
        return past

    def since_seq(self, question: Did) -> int | None:
        if question.since is None:
            return 0
        if question.since == ENTRY:
            return self._enrolment.entered_seq
        return self._arrivals.get(question.since)

    def messages_of(self, steps: tuple[str, ...]) -> frozenset[str]:
        if not steps:
            return frozenset()
        return frozenset(
            self.session.exec(
                select(Message.id).where(
                    Message.enrolment_id == self._enrolment.id, col(Message.step_id).in_(steps)
                )
            ).all()
        )

    def is_about(self, event: EarlierEvent) -> bool:
        return concerns(self._plan, self._enrolment.record_key, event, self.workspace)
