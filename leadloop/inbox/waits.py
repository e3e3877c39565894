"""Armed waits: set by a turn, satisfied by the event that comes first.

Arming and looking back are one transaction under the lead's lock, so no event falls between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import TypeAdapter
from sqlalchemy import bindparam
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, delete, select

from leadloop.conditions import EvaluationError
from leadloop.inbox.holding import hold_journey
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.inbox.turns.journey_facts import JourneyReader
from leadloop.journey.state import Arm, BranchTaken
from leadloop.language.plan import Armed, ChangeMatch, EventMatch, StageMatch, WhenMatch
from leadloop.leads.visitors import EARLIER
from leadloop.scoring.matching import matches, must_be_true
from leadloop.storage.tables import ArmedWait, Enrolment, Event, Message

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

CONDITION = "condition"
"""Stands for the event where a condition on the lead satisfied the wait."""

_MATCHER: TypeAdapter[Armed] = TypeAdapter(Armed)
_SATISFIED = (
    select_columns(
        col(ArmedWait.branch),
        col(ArmedWait.satisfied_seq),
        col(Event.id),
        col(Event.type),
        col(Event.properties),
    )
    .join(Event, col(Event.id) == col(ArmedWait.satisfied_by), isouter=True)
    .where(col(ArmedWait.enrolment_id) == bindparam("enrolment_id"), col(ArmedWait.satisfied_by).is_not(None))
    .limit(1)
)
_EARLIER = (
    select(Event)
    .where(
        Event.lead_id == bindparam("lead_id"),
        Event.type == bindparam("type"),
        Event.source != EARLIER,
        col(Event.lead_seq) > bindparam("since_seq"),
    )
    .order_by(col(Event.lead_seq))
)


def satisfy(application: Application, events: Sequence[Event]) -> None:
    """Mark the waits that these events, or the lead as it is now, satisfy; wake their journeys.

    Of the branches of one journey the first listed wins; once one is satisfied, the others no
    longer count.
    """
    readers = {
        row.id: JourneyReader(application, row)
        for row in application.open_journeys
        if row.id != application.unarmed
    }
    if not readers:
        return
    session = application.session
    rows = application.rows.armed(readers)
    decided = {arm.enrolment_id for arm in rows if arm.satisfied_by is not None}
    for arm in rows:
        if arm.enrolment_id in decided:
            continue
        try:
            event = _satisfying(arm, events, readers[arm.enrolment_id])
        except EvaluationError as error:
            decided.add(arm.enrolment_id)
            _hold(readers[arm.enrolment_id], error)
            continue
        if event is None:
            continue
        decided.add(arm.enrolment_id)
        arm.satisfied_by = event if isinstance(event, str) else event.id
        arm.satisfied_seq = application.lead.last_seq if isinstance(event, str) else event.lead_seq
        arm.satisfied_at = application.now
        session.add(arm)
        ask_wake(session, arm.enrolment_id, application.now)


def arm_waits(
    session: Session, enrolment: Enrolment, turn_no: int, arms: Sequence[Arm], reader: JourneyReader
) -> BranchTaken | None:
    """Arm a journey that has no armed waits, look back at what came since, and return what satisfied one.

    Conditions and dates are not looked at here: the step did so in this transaction.
    """
    reader.application.rows.waits_changed()
    decided = False
    taken: BranchTaken | None = None
    for index, arm in enumerate(arms):
        event_type = event_type_of(arm.match)
        row = ArmedWait(
            enrolment_id=enrolment.id,
            turn_no=turn_no,
            branch=index,
            lead_id=enrolment.lead_id,
            event_type=event_type,
            match=arm.match.model_dump(mode="json"),
            message_ids=_message_ids(session, arm.send_keys),
            since_seq=max(arm.since_seq, enrolment.entered_seq),
        )
        if not decided and event_type is not None:
            asked = {"lead_id": row.lead_id, "type": event_type, "since_seq": row.since_seq}
            earlier = session.exec(_EARLIER, params=asked).all()
            found = None
            try:
                found = next((event for event in earlier if _fits(row, arm.match, event, reader)), None)
            except EvaluationError as error:
                decided = True
                _hold(reader, error)
            if found is not None:
                decided = True
                row.satisfied_by = found.id
                row.satisfied_seq = found.lead_seq
                taken = BranchTaken(index, found.lead_seq or 0, found.type, found.id, found.properties)
        session.add(row)
    return taken


def disarm(session: Session, enrolment_id: str) -> None:
    """Remove a journey's armed waits."""
    session.exec(delete(ArmedWait).where(col(ArmedWait.enrolment_id) == enrolment_id))


def satisfied(session: Session, enrolment_id: str) -> BranchTaken | None:
    """Return the branch of a waiting journey that was satisfied, with its event."""
    session.flush()
    found = session.connection().execute(_SATISFIED, {"enrolment_id": enrolment_id}).first()
    if found is None:
        return None
    if found.id is None:  # by a condition on the lead, or the event is gone
        return BranchTaken(found.branch, found.satisfied_seq or 0)
    return BranchTaken(found.branch, found.satisfied_seq or 0, found.type, found.id, found.properties)


def _satisfying(arm: ArmedWait, events: Sequence[Event], reader: JourneyReader) -> Event | str | None:
    match = _MATCHER.validate_python(arm.match)
    if isinstance(match, ChangeMatch):
        return CONDITION if reader.has_changed(match) else None
    if isinstance(match, WhenMatch):
        return CONDITION if must_be_true(match.when, reader.facts_for(match)) else None
    for event in events:
        if (event.lead_seq or 0) > arm.since_seq and _fits(arm, match, event, reader):
            return event
    return None


def _fits(arm: ArmedWait, match: Armed, event: Event, reader: JourneyReader) -> bool:
    if isinstance(match, WhenMatch | ChangeMatch):
        return False
    if isinstance(match, EventMatch) and match.of and event.message_id not in arm.message_ids:
        return False
    return reader.concerns(event) and matches(match, event, reader.facts_for(match), must_be_true)


def _hold(reader: JourneyReader, error: EvaluationError) -> None:
    step = reader.enrolment.state.get("step")
    hold_journey(reader.application, reader.enrolment, f"condition of `{step}` failed: {error}")


def event_type_of(match: Armed) -> str | None:
    """Return the type of the events that may satisfy a wait; None for a condition."""
    if isinstance(match, EventMatch):
        return match.event
    return "stage_changed" if isinstance(match, StageMatch) else None


def _message_ids(session: Session, send_keys: Sequence[str]) -> list[str]:
    if not send_keys:
        return []
    return list(session.exec(select(Message.id).where(col(Message.send_key).in_(list(send_keys)))).all())
