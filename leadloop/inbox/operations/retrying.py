"""How a held journey tries its step again: never by a second mail where the first may have been sent."""

from __future__ import annotations

from sqlmodel import Session

from leadloop.inbox.causes import present_message
from leadloop.journey.state import Cause, Continued, JourneyState, MessageFinished, TimedOut
from leadloop.journey.steps.sending import HELD_PHASE
from leadloop.journey.steps.stream import RESTING
from leadloop.language.plan import Target
from leadloop.storage.tables import Enrolment, MessageStatus

_SENT = (MessageStatus.SENT, MessageStatus.UNCERTAIN)
_OPEN = (MessageStatus.NEW, MessageStatus.HELD)


def cause_again(session: Session, enrolment: Enrolment, state: JourneyState) -> tuple[Cause, JourneyState]:
    """Return why a journey that a step held goes on, and from which position.

    It goes on where it was on its way to; behind its mail where that was sent or may have been; asks
    again for a mail that was never handed over; else enters its step anew.
    """
    if state.pending is not None:
        return Continued(), state
    if state.phase == RESTING and "tried" in state.data:  # a stream between two casts
        return TimedOut(), state
    message = present_message(session, enrolment) if state.phase else None
    if message is not None and message.status == MessageStatus.SENDING:
        return MessageFinished(MessageStatus.UNCERTAIN.value), state
    if message is not None and message.status in _SENT:
        return MessageFinished(message.status.value, message.reason), state
    if message is not None and message.status in _OPEN:
        return TimedOut(), state.model_copy(update={"phase": HELD_PHASE})
    return Continued(), state.model_copy(update={"pending": Target(step=state.step)})
