"""How a held journey tries its step again: never by a second mail where the first may have been sent, and
never by a second call that its receiver could not tell from the first."""

from __future__ import annotations

from sqlmodel import Session

from leadloop.inbox.calls import find_call
from leadloop.inbox.turns.causes import present_message
from leadloop.journey.state import (
    Cause,
    Continued,
    JourneyState,
    MessageFinished,
    TimedOut,
    effect_key,
)
from leadloop.journey.steps.sending import HELD_PHASE
from leadloop.journey.steps.stream import RESTING
from leadloop.journey.steps.webhook import CALL_PART
from leadloop.language.plan import Plan, Target, WebhookStep
from leadloop.storage.tables import Call, CallStatus, Enrolment, MessageStatus

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


def reopen_call(session: Session, enrolment: Enrolment, plan: Plan, state: JourneyState) -> Call | None:
    """Let the failed call that holds a journey be made again, under its own key; None where there is none.

    The receiver may have carried it out although no answer came: by the same `webhook-id` it can tell.
    A version of the scenario that calls somebody else makes a call of its own.
    """
    step = plan.steps.get(state.step)
    if not isinstance(step, WebhookStep) or state.pending is not None:
        return None
    step_id, visit = state.keyed_as.get(state.step, state.step), state.visits.get(state.step, 0)
    call = find_call(session, effect_key(enrolment.id, step_id, visit, CALL_PART))
    if call is None or call.status != CallStatus.FAILED or call.to != step.to:
        return None
    call.status, call.reason, call.code = CallStatus.NEW, None, None
    call.done_at = call.tried_since = None
    session.add(call)
    return call
