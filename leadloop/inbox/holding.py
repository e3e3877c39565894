"""Holding a journey whose condition cannot be evaluated: a person has to look at it.

A goal, an exit or a wait that is taken for not true because it failed would let a journey go on that
should have ended. Unknown values are no failure: they are not true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, select

from leadloop.contracts import Next
from leadloop.storage.tables import ArmedWait, Enrolment, EnrolmentStatus

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

_ON_ITS_WAY = ("send", "call")


def hold_journey(application: Application, enrolment: Enrolment, reason: str) -> None:
    """Hold a running journey of the locked lead, once, in its wait; the reason has no personal values.

    A journey whose turn is being taken is held at the end of that turn. While a mail or a call of it is
    on its way it is left alone: held there, a new version would send it again. It is held when the
    condition is looked at next.
    """
    if enrolment.status != EnrolmentStatus.RUNNING:
        return
    if application.turn_of == enrolment.id:
        application.hold_turn = application.hold_turn or reason
    elif enrolment.next.get("kind") not in _ON_ITS_WAY:
        enrolment.status = EnrolmentStatus.HELD
        enrolment.held_reason = reason
        enrolment.due_at = None
        application.session.add(enrolment)


def is_held_in_a_wait(session: Session, enrolment: Enrolment) -> bool:
    """Return whether a held journey still stands in its wait, so that it can wait on: not held by a step."""
    if enrolment.status != EnrolmentStatus.HELD or enrolment.turn_no == 0:
        return False
    if Next.model_validate(enrolment.next).due_at is not None:
        return True
    armed = select(ArmedWait.id).where(ArmedWait.enrolment_id == enrolment.id).limit(1)
    return session.exec(armed).first() is not None
