"""Asking for a message, shared by `send` and `stream`: held mails are asked for again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from leadloop.journey.calendar import add_span
from leadloop.journey.effects import AskMessage, DropMessage
from leadloop.journey.failures import HeldCode, needs_a_person
from leadloop.journey.state import Cause, MessageFinished, Stop, TimedOut
from leadloop.journey.walk import HoldError, Walk
from leadloop.language.plan import Span

SKIPPED = "skipped"
NOT_IN_AUDIENCE = "not_in_audience"
HELD_PHASE = "held"
"""Phase of a step that waits until its mail may be asked for again."""
_HELD = "held"
_SENDING = "sending"
_FAILED = "failed"


def ask(walk: Walk, template: str, topic: str, subject: str | None = None) -> str | Stop:
    """Put the message of this visit in the outbox and stop until it is finished.

    Returns its status instead where it is not sent: `recheck` is set and the lead left the audience.
    """
    key = walk.key()
    asked_at = walk.state.data.get("asked_at") or walk.now.isoformat()
    walk.set_phase(_SENDING, template=template, topic=topic, subject=subject, asked_at=asked_at)
    audience = walk.plan.audience if walk.plan.recheck else None
    if audience is not None and not walk.holds(audience, "audience"):
        return skip(walk, NOT_IN_AUDIENCE, template=template)
    walk.note_send(key)
    walk.effects.append(AskMessage(key, walk.state.step, walk.visit, template, topic, subject))
    return Stop("send", send_key=key)


def skip(walk: Walk, reason: str, **detail: Any) -> str:
    """Do not send; take back the message where it was asked for and is held. Returns the status."""
    if walk.key() in walk.state.sends.get(walk.state.step, ()):
        walk.effects.append(DropMessage(walk.key(), reason))
    walk.note_send_status(SKIPPED)
    walk.set_result(status=SKIPPED)
    walk.say("send", status=SKIPPED, reason=reason, **detail)
    return SKIPPED


def finished(
    walk: Walk, cause: Cause, late: Span | None = None, skip_late: bool = False, holds: bool = False
) -> str | Stop:
    """Return the final status of the message, or a stop while it is held.

    With `holds`, raises `HoldError` where it failed for a reason that is not the lead's own.
    """
    data = walk.state.data
    if isinstance(cause, TimedOut) and walk.state.phase == HELD_PHASE:
        if late is not None and skip_late and walk.now > _latest(walk, late):
            return skip(walk, "late", template=data["template"])  # nobody was there to send it in time
        return ask(walk, data["template"], data["topic"], data["subject"])
    if not isinstance(cause, MessageFinished):
        raise HoldError(f"`{walk.state.step}` waits for its mail only")
    if cause.status != _HELD or cause.hold_until is None:
        walk.note_send_status(cause.status)
        walk.set_result(status=cause.status)
        walk.say("send", status=cause.status, reason=cause.reason, template=data["template"])
        if holds and cause.status == _FAILED and needs_a_person(cause.reason):
            raise HoldError(f"the mail of `{walk.state.step}` failed: {cause.reason}", HeldCode.MAIL_FAILED)
        return cause.status
    if late is not None and skip_late and cause.hold_until > _latest(walk, late):
        return skip(walk, "late", template=data["template"])
    walk.say("send", status=_HELD, reason=cause.reason, until=cause.hold_until.isoformat())
    walk.set_phase(HELD_PHASE)
    return Stop("wait", due_at=cause.hold_until)


def _latest(walk: Walk, late: Span) -> datetime:
    asked_at = datetime.fromisoformat(walk.state.data["asked_at"])
    return add_span(asked_at, late, walk.facts.zone, walk.facts.send_calendar)
