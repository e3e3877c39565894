"""Holding a journey: a person has to look at it. Every hold is written here, with its code and reason.

A condition that cannot be evaluated holds its journey: a goal, an exit or a wait that is taken for not true
because it failed would let a journey go on that should have ended. Unknown values are no failure: they are
not true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, select

from leadloop.contracts import Next
from leadloop.journey.failures import HeldCode
from leadloop.storage.tables import ArmedWait, Enrolment, EnrolmentStatus

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

_ON_ITS_WAY = ("send", "call")


def hold(enrolment: Enrolment, code: HeldCode, reason: str) -> None:
    """Write that a locked journey is held, and why. A paused one is held once it is resumed.

    `reason` is for people and has no personal values.
    """
    if enrolment.status != EnrolmentStatus.PAUSED:
        enrolment.status = EnrolmentStatus.HELD
    enrolment.held_code, enrolment.held_reason = code.value, reason


def release(enrolment: Enrolment) -> None:
    """Let a held journey of the locked lead go on."""
    enrolment.status = EnrolmentStatus.RUNNING
    forget_hold(enrolment)


def forget_hold(enrolment: Enrolment) -> None:
    """Take the reason of a hold away, whatever the journey's status is."""
    enrolment.held_code = enrolment.held_reason = None


def hold_journey(application: Application, enrolment: Enrolment, reason: str) -> None:
    """Hold a running journey of the locked lead, once, in its wait: a condition on it failed.

    A journey whose turn is being taken is held at the end of that turn. While a mail or a call of it is
    on its way it is left alone: held there, a new version would send it again. It is held when the
    condition is looked at next.
    """
    if enrolment.status != EnrolmentStatus.RUNNING:
        return
    if application.turn_of == enrolment.id:
        application.hold_turn = application.hold_turn or reason
    elif enrolment.next.get("kind") not in _ON_ITS_WAY:
        hold(enrolment, HeldCode.CONDITION_FAILED, reason)
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
