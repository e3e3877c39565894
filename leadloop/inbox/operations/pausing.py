"""Pausing and resuming one locked journey: it takes no turn and no mail of it leaves meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import select

from leadloop.inbox.clocks import add_stop, lift_stop
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Message, MessageStatus

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

JOURNEY = "journey"
PAUSED = "paused"
"""Reason of a mail that is held because its journey is paused."""
SCENARIO = "scenario"
CAUSES = (JOURNEY, SCENARIO)
"""Stops that pause a journey; the sales lock only stops its clock."""


def pause(
    application: Application, enrolment: Enrolment, cause: str, clock: str, since: datetime | None = None
) -> None:
    """Pause an open journey for a cause, `journey` or `scenario`; several causes may hold at once."""
    enrolment.status = EnrolmentStatus.PAUSED
    add_stop(application, enrolment, cause, clock, since)


def resume(application: Application, enrolment: Enrolment, cause: str) -> None:
    """Take one cause away. Without any left the journey goes on, or is held again if it was."""
    lift_stop(application, enrolment, cause)
    if any(name in enrolment.stops for name in CAUSES):
        return
    enrolment.status = EnrolmentStatus.HELD if enrolment.held_reason else EnrolmentStatus.RUNNING
    application.session.add(enrolment)
    release_mails(application, enrolment.id, PAUSED)
    ask_wake(application.session, enrolment.id, application.now)


def release_mails(application: Application, enrolment_id: str, reason: str) -> int:
    """Let the mails of a journey that were held for a reason be asked for now; return how many."""
    session = application.session
    held = session.exec(
        select(Message)
        .where(
            Message.enrolment_id == enrolment_id,
            Message.status == MessageStatus.HELD,
            Message.reason == reason,
        )
        .with_for_update()
    ).all()
    for message in held:
        message.hold_until = application.now
        session.add(message)
    return len(held)
