"""Holding a journey whose condition cannot be evaluated: a person has to look at it.

A goal, an exit or a wait that is taken for not true because it failed would let a journey go on that
should have ended. Unknown values are no failure: they are not true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, delete

from leadloop.storage.tables import ArmedWait, Enrolment, EnrolmentStatus

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

_ON_ITS_WAY = ("send", "call")


def hold_journey(application: Application, enrolment: Enrolment, reason: str) -> None:
    """Hold a running journey of the locked lead, once; the reason has no personal values.

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
        application.session.exec(delete(ArmedWait).where(col(ArmedWait.enrolment_id) == enrolment.id))
        application.session.add(enrolment)
