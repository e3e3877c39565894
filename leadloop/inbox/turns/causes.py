"""Why a journey's next turn may be taken: read from the rows that its head points to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import Session, select

from leadloop.contracts import Next
from leadloop.inbox import waits
from leadloop.inbox.calls import FINISHED as FINISHED_CALLS
from leadloop.journey.state import (
    BranchTaken,
    CallFinished,
    Cause,
    MessageFinished,
    Moved,
    Started,
    TimedOut,
)
from leadloop.journey.steps.sending import HELD_PHASE
from leadloop.storage.tables import Call, Enrolment, EnrolmentStatus, Message, MessageStatus

FINISH = "finish"
"""`move_to` of a journey that ends after its present step."""
LOST = "lost:"
"""Stands in `move_to` before the version that lacks a held journey's step, so that it is told once."""

_FINISHED = {
    MessageStatus.SENT,
    MessageStatus.HELD,
    MessageStatus.SKIPPED,
    MessageStatus.FAILED,
    MessageStatus.UNCERTAIN,
}
_MESSAGE = select(Message.status, Message.reason, Message.hold_until).where(Message.id == bindparam("id"))


@dataclass(frozen=True)
class Closed:
    """The journey was ended from outside; the turn only writes that down."""


@dataclass(frozen=True)
class Retried:
    """Somebody asked a held journey to try again."""


def cause_of(session: Session, enrolment: Enrolment, now: datetime) -> Cause | Closed | Retried | None:
    """Return why the next turn may be taken, or None while it may not."""
    if enrolment.turn_no > 0 and enrolment.next.get("kind") == "end":
        return None
    if enrolment.status == EnrolmentStatus.ENDED:
        return None if is_in_flight(session, enrolment) else Closed()
    if enrolment.status == EnrolmentStatus.HELD:
        if wants_move(enrolment) and not is_in_flight(session, enrolment):
            return Moved()
        return Retried() if enrolment.retry else None
    if enrolment.status != EnrolmentStatus.RUNNING:
        return None
    if enrolment.turn_no == 0:
        return Started()
    head = Next.model_validate(enrolment.next)
    if head.kind == "send":
        return _message_finished(session, head.message_id)
    if head.kind == "call":
        return _call_finished(session.get(Call, head.call_id))
    if wants_move(enrolment):
        return Moved(head.due_at)
    branch = waits.satisfied(session, enrolment.id)
    if branch is not None:
        return branch
    due_at = due_of(enrolment, head)
    if due_at is not None and due_at <= now:
        return TimedOut()
    return TimedOut() if due_at is not None and _is_released(session, enrolment, now) else None


def _is_released(session: Session, enrolment: Enrolment, now: datetime) -> bool:
    """Return whether the mail that the journey holds may be asked for again before its time."""
    if enrolment.state.get("phase") != HELD_PHASE:
        return False
    message = present_message(session, enrolment)
    if message is None or message.status != MessageStatus.HELD or message.hold_until is None:
        return False
    return message.hold_until <= now


def present_message(session: Session, enrolment: Enrolment) -> Message | None:
    """Return the newest mail of the step that the journey is on, None where it has none."""
    keys = enrolment.state.get("sends", {}).get(enrolment.state.get("step"), ())
    if not keys:
        return None
    return session.exec(select(Message).where(Message.send_key == keys[-1])).one_or_none()


def wants_move(enrolment: Enrolment) -> bool:
    """Return whether the journey's next turn switches it to another version."""
    to = enrolment.move_to
    return to not in (None, FINISH, enrolment.plan_digest) and not str(to).startswith(LOST)


def due_of(enrolment: Enrolment, head: Next) -> datetime | None:
    """Return when the head's wait ends; None for never, and while the journey's clock stands still."""
    if head.due_at is None or enrolment.locked_at is not None:
        return None
    return head.due_at + timedelta(seconds=enrolment.clock_shift_seconds)


def is_in_flight(session: Session, enrolment: Enrolment) -> bool:
    """Return whether the head's message or call is still to be finished; a turn must wait for it."""
    message = _read_message(session, enrolment.next.get("message_id"))
    if message is not None and message.status not in _FINISHED:
        return True
    call = session.get(Call, enrolment.next.get("call_id") or "")
    return call is not None and call.status not in FINISHED_CALLS


def describe_cause(cause: Cause | Closed | Retried, enrolment: Enrolment) -> dict[str, Any]:
    """Return a cause as it is stored: ids and codes, no event properties."""
    match cause:
        case BranchTaken():
            return {"kind": "event", "branch": cause.branch, "type": cause.event_type, "id": cause.event_id}
        case MessageFinished():
            return {"kind": "message", "status": cause.status, "reason": cause.reason}
        case CallFinished():
            return {"kind": "call", "status": cause.status, "code": cause.code}
        case Closed():
            return {"kind": "ended", "outcome": enrolment.outcome, "reason": enrolment.end_reason}
    kinds: dict[type, str] = {Started: "start", TimedOut: "due", Moved: "moved", Retried: "retried"}
    return {"kind": kinds.get(type(cause), "other")}


def _message_finished(session: Session, message_id: str | None) -> MessageFinished | None:
    message = _read_message(session, message_id)
    if message is None or message.status not in _FINISHED:
        return None
    return MessageFinished(message.status.value, message.reason, message.hold_until)


def _read_message(session: Session, message_id: str | None) -> Any:
    """Return how a message stands, without its body."""
    if message_id is None:
        return None
    session.flush()
    return session.connection().execute(_MESSAGE, {"id": message_id}).one_or_none()


def _call_finished(call: Call | None) -> CallFinished | None:
    if call is None or call.status not in FINISHED_CALLS:
        return None
    return CallFinished(call.status.value, call.code, call.reason)
