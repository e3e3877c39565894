"""Rows of the call outbox, as turns and exits see them. `delivery.calls` makes the calls."""

from __future__ import annotations

from sqlmodel import Session, select

from leadloop.storage.tables import Call, CallStatus

FINISHED = (CallStatus.DONE, CallStatus.FAILED, CallStatus.SKIPPED)


def find_call(session: Session, call_key: str) -> Call | None:
    """Return the call of a key."""
    return session.exec(select(Call).where(Call.call_key == call_key)).one_or_none()


def drop_calls(session: Session, enrolment_id: str) -> None:
    """Skip the calls of a journey that ended which nobody has begun to make."""
    rows = session.exec(
        select(Call).where(Call.enrolment_id == enrolment_id, Call.status == CallStatus.NEW)
    ).all()
    for call in rows:
        call.status = CallStatus.SKIPPED
        call.reason = "journey_ended"
        session.add(call)
