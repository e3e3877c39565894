"""Rows of the call outbox, as turns and exits see them. `delivery.calls` makes the calls."""

from __future__ import annotations

from sqlmodel import Session, col, or_, select

from leadloop.storage.tables import Call, CallStatus

FINISHED = (CallStatus.DONE, CallStatus.FAILED, CallStatus.SKIPPED)


def find_call(session: Session, call_key: str) -> Call | None:
    """Return the call of a key."""
    return session.exec(select(Call).where(Call.call_key == call_key)).one_or_none()


def drop_calls(session: Session, enrolment_id: str) -> None:
    """End the calls of a journey that ended: those that nobody has begun, or that wait to be tried again.

    A call whose attempt is under way has no reason yet; it is recorded by that attempt.
    """
    between = (col(Call.status) == CallStatus.CALLING) & col(Call.reason).is_not(None)
    rows = session.exec(
        select(Call).where(
            Call.enrolment_id == enrolment_id, or_(col(Call.status) == CallStatus.NEW, between)
        )
    ).all()
    for call in rows:
        call.status = CallStatus.SKIPPED if call.attempts == 0 else CallStatus.FAILED
        call.reason = "journey_ended"
        call.body = None
        session.add(call)
