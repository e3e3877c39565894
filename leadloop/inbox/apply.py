"""Applying facts to one lead, within one transaction that holds the lead's lock.

The applier, a turn and a claim all change a lead through here, so every change satisfies waits,
moves bands and stages, ends journeys and starts new ones in the same way.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from leadloop.conditions import FactValue
from leadloop.inbox import exits, waits
from leadloop.inbox.entries import entry
from leadloop.inbox.entries.history import EntryHistory
from leadloop.inbox.entries.timers import keep_timers
from leadloop.inbox.facts import LeadReader, lead_zone
from leadloop.inbox.lead_rows import LeadRows, pending_of
from leadloop.inbox.memberships import keep_segments
from leadloop.inbox.newly_published import catch_up
from leadloop.inbox.reactions import note_on_message
from leadloop.inbox.relaying.due_rows import LeadDues
from leadloop.inbox.sales_lock import sync_sales_lock
from leadloop.inbox.score_edges import edges_of
from leadloop.language.plan import Calendar, Publication
from leadloop.leads import consent, fields, pauses
from leadloop.leads.visitors import EARLIER
from leadloop.sales.apply import apply_sales_event
from leadloop.scoring import lifecycle
from leadloop.scoring.reading import read_score, reread_score
from leadloop.scoring.rules import score_attributes, score_event
from leadloop.scoring.thresholds import SCORE_CROSSED, thresholds_of
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.publications import StoredPublication
from leadloop.storage.tables import Enrolment, Event, Lead, TopicSuppression

MAX_DEPTH = 20
"""How many derived events may follow from one another."""

_BY_THE_PERSON = frozenset({"form", "tracking", "api", EARLIER})
_log = structlog.get_logger()


class Application:
    """One lead's pending facts and their consequences. The caller has locked the lead.

    `stored` and `rows` are what the caller has read ahead: the publication, and what is stored about the
    lead.
    """

    def __init__(
        self,
        session: Session,
        env: Environment,
        lead: Lead,
        now: datetime,
        *,
        stored: StoredPublication | None = None,
        rows: LeadRows | None = None,
    ) -> None:
        self.session = session
        self.env = env
        self.lead = lead
        self.now = now
        self.stored: StoredPublication = stored or env.publications.current(session)
        self.rows = rows or LeadRows(session, lead)
        self._queue: deque[Event] = deque()
        self._facts: dict[str, FactValue] | None = None
        self._reader: LeadReader | None = None
        self.caught_up = False
        """Whether the lead is known to be in line with what is published."""
        self.lets_enter = True
        """Whether events let people enter scenarios."""
        self.turn_of: str | None = None
        """The journey whose turn is being taken in this transaction."""
        self.unarmed: str | None = None
        """That journey, while it has no armed waits."""
        self.hold_turn: str | None = None
        """Why that journey is to be held at the end of its turn."""

    @property
    def publication(self) -> Publication:
        return self.stored.publication

    @property
    def zone(self) -> ZoneInfo:
        return lead_zone(self.lead, self.publication.workspace, self.reader.company)

    @property
    def workspace_zone(self) -> ZoneInfo:
        return ZoneInfo(self.publication.workspace.timezone)

    @property
    def send_calendar(self) -> Calendar | None:
        """The calendar that business days count in, where no queue has its own."""
        workspace = self.publication.workspace
        window = workspace.limits.send_window
        return workspace.calendars.get(window.calendar) if window else None

    @property
    def facts(self) -> dict[str, FactValue]:
        """The lead's facts as they are now; read again after each change."""
        if self._facts is None:
            self._facts = self.reader.facts(self.now)
        return self._facts

    @property
    def reader(self) -> LeadReader:
        """What is read about the lead once per transaction: ledger, company, deals."""
        if self._reader is None:
            self._reader = LeadReader(self.session, self.publication, self.lead, self.rows)
        return self._reader

    @property
    def open_journeys(self) -> list[Enrolment]:
        """The lead's journeys that have not ended, read once; entries and exits keep it in step."""
        return self.rows.journeys

    @property
    def open_pauses(self) -> list[TopicSuppression]:
        """The lead's pauses of topics that nothing has lifted, read once."""
        return self.rows.pauses

    @property
    def history(self) -> EntryHistory:
        """The journeys that the rules of re-entry ask about."""
        return self.rows.history

    @property
    def dues(self) -> LeadDues:
        """The lead's rows of `due`."""
        return self.rows.dues

    def journey_ended(self, enrolment_id: str) -> None:
        """Take a journey out of the open ones."""
        self.rows.journeys = [row for row in self.open_journeys if row.id != enrolment_id]

    def apply_pending(self, merged_id: str | None = None, most: int | None = None) -> int:
        """Apply the lead's unapplied events, oldest first, or those that a lead got which was merged into it
        meanwhile, or `most` of them; return how many.

        One that cannot be applied is parked with its reason, and the later ones go on.
        """
        if merged_id is None:
            rows = self.rows.take_pending(most)
        else:
            rows = pending_of(self.session, merged_id, most)
        for event in rows:
            self._apply_or_park(event)
        return len(rows)

    def apply_unguarded(self) -> int:
        """Apply the lead's unapplied events without a savepoint for each; return how many.

        Where one cannot be applied the error is raised, and the caller undoes the transaction.
        """
        rows = self.rows.take_pending()
        for event in rows:
            self._apply(event)
            self.drain()
        return len(rows)

    def emit(self, event_type: str, cause: Event | None, /, **properties: Any) -> Event | None:
        """Record a fact that follows from another; it is applied after the present one.

        None where too many have followed from one another.
        """
        depth = cause.depth + 1 if cause is not None else 0
        if depth > MAX_DEPTH:
            _log.warning("derived_events_too_deep", lead_id=self.lead.id, type=event_type)
            return None
        event = Event(
            id=new_id(),
            subject_id=self.lead.id,
            type=event_type,
            properties={name: value for name, value in properties.items() if value is not None},
            source="engine",
            trust="verified",
            occurred_at=self.now,
            received_at=self.now,
            causation_id=cause.id if cause is not None else None,
            depth=depth,
        )
        self.session.add(event)
        self._queue.append(event)
        return event

    def settle(self, cause: Event | None = None) -> None:
        """Follow a change of the lead to its end: bands, stages, conditions, derived events."""
        self._catch_up()
        self._consequences(cause, ())
        self.drain()

    def rescore(self, models: set[str], cause: Event | None) -> None:
        """Read scores again, and record the band changes and the reported numbers that were passed."""
        scoring, reported = self.publication.scoring, thresholds_of(self.stored).reported
        for model in sorted(models):
            change = read_score(
                self.reader.ledger, scoring, model, self.now, edges_of(self, model), reported.get(model, ())
            )
            if change.band is not None:
                self.emit(
                    "band_changed", cause, model=model, **{"from": change.band[0], "to": change.band[1]}
                )
            for threshold, direction in change.crossed:
                self.emit(SCORE_CROSSED, cause, model=model, threshold=threshold, direction=direction)
        if models and self._facts is not None:
            self.reader.put_scores(self._facts, self.now)

    def reread_scores(self) -> None:
        """Look at decay again, without news, after the numbers that scores are compared with changed."""
        scoring = self.publication.scoring
        for model in scoring.models:
            reread_score(self.reader.ledger, scoring, model, self.now, edges_of(self, model))
        self._facts = None

    def move_stage(self, to: str, cause: Event | None) -> None:
        """Move the lead to a stage and record it."""
        old, self.lead.stage = self.lead.stage, to
        self.session.add(self.lead)
        self._facts = None
        self.emit("stage_changed", cause, **{"from": old, "to": to})

    def changed(self) -> None:
        """Say that the lead was changed by other means, so that facts are read again."""
        self._facts = None
        self.rows.pauses_changed()
        self.reader.lead_changed()

    def own_values_changed(self) -> None:
        """Say that values on the lead's own row were changed, and nothing else."""
        self._facts = None

    def _apply_or_park(self, event: Event) -> None:
        caught_up = self.caught_up
        try:
            with self.session.begin_nested():
                self._apply(event)
                self.drain()
                self.session.flush()
        except OperationalError:  # the database's fault (gone, deadlock), not the event's: try again
            raise
        except Exception as error:
            self._queue.clear()
            self._facts = self._reader = None
            self.rows = LeadRows(self.session, self.lead)
            self.caught_up = caught_up  # undone with everything else
            event.applied_at = self.now
            event.parked = type(error).__name__
            self.session.add(event)
            self.session.flush()
            _log.error("event_parked", event_id=event.id, type=event.type, error=type(error).__name__)

    def drain(self) -> None:
        """Apply what was emitted, and what follows from it."""
        while self._queue:
            self._apply(self._queue.popleft())

    def _catch_up(self) -> None:
        """Bring the lead in line with the publication before anything else happens to it."""
        if not self.caught_up:
            self.caught_up = True
            catch_up(self)

    def _apply(self, event: Event) -> None:
        lead = self.lead
        if lead.erased_at is None:
            self._catch_up()
        lead.last_seq += 1
        event.lead_id = lead.id
        event.lead_seq = lead.last_seq
        event.applied_at = self.now
        self.session.add(event)
        self.session.add(lead)
        self.rows.earlier.add(event)
        if lead.erased_at is not None:  # accepted by somebody who had not seen the erasure yet
            event.properties, event.identity = {}, {}
            return
        if event.source in _BY_THE_PERSON:
            lead.last_active_at = max(lead.last_active_at or event.occurred_at, event.occurred_at)
        if event.identity:
            fields.write_identity(self.session, self.env, lead, event.identity, self.now)
        known = self.rows.consents
        consent.record_basis(self.session, lead, event, self.publication.workspace, known)
        pauses.lift_suppressions(self.open_pauses, self.session, event, lambda: self.facts, self.now)
        note_on_message(self.session, event)
        self._facts = None
        refused = apply_sales_event(self.session, self.env, lead, event, self.publication.workspace, self.now)
        if refused is not None:
            _log.info("event_without_effect", event_id=event.id, type=event.type, reason=refused)
            return
        if event.source == "sales":
            self.reader.deals_changed()
        elif event.identity:
            self.reader.lead_changed()
        models = score_event(
            self.reader.ledger, self.publication.scoring, event, self.facts, self.zone, self.rows.earlier
        )
        self.rescore(models, event)
        self._consequences(event, () if event.source == EARLIER else (event,))

    def _consequences(self, cause: Event | None, events: tuple[Event, ...]) -> None:
        """Bring attributes, stage, journeys and waits in line with the lead as it is now."""
        models = score_attributes(
            self.reader.ledger,
            self.publication.scoring,
            self.facts,
            self.now,
            cause.id if cause else None,
        )
        self.rescore(models, cause)
        keep_segments(self, cause)
        rules = self.publication.lifecycle
        for event in events:
            by_event = lifecycle.transition_by_event(rules, self.lead, event, self.facts)
            if by_event is not None:
                self.move_stage(by_event.to, event)
        by_condition = lifecycle.transition_by_condition(rules, self.lead, self.facts, self.now)
        if by_condition is not None:
            self.move_stage(by_condition.to, cause)
        sync_sales_lock(self)
        exits.end_journeys(self, events)
        waits.satisfy(self, events)
        for event in events:
            entry.enter_journeys(self, event)
        keep_timers(self)


def apply_pending(session: Session, env: Environment, lead: Lead, now: datetime) -> int:
    """Apply a locked lead's unapplied events; return how many."""
    return Application(session, env, lead, now).apply_pending()
