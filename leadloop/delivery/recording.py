"""The record: what came of a claimed message, written only by the holder of its claim."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, func, select, update
from sqlmodel import Session

from leadloop.delivery.loading import NOTICE
from leadloop.inbox.exits import unsent_reason
from leadloop.inbox.own_events import record_own
from leadloop.storage.columns import table_of
from leadloop.storage.database import hold_lead, lock_enrolment
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus, Message, MessageStatus

_TABLE = table_of(Message)
_STATUS = select(_TABLE.c.status).where(_TABLE.c.id == bindparam("message_id"))
_FENCED = (
    update(_TABLE)
    .where(
        _TABLE.c.id == bindparam("message_id"),
        _TABLE.c.claim_token == bindparam("token"),
        _TABLE.c.status.in_(bindparam("expected", expanding=True)),
    )
    .values(
        status=bindparam("status"),
        reason=bindparam("reason"),
        reply_code=bindparam("reply_code"),
        sent_at=bindparam("sent_at"),
        claim_token=bindparam("kept_token"),
        tried_since=func.coalesce(
            _TABLE.c.tried_since, bindparam("failed_at", type_=_TABLE.c.tried_since.type)
        ),
    )
)


@dataclass(frozen=True)
class Outcome:
    """What came of handing a message over. `new`: the server said that it did not take it."""

    status: MessageStatus
    reason: str | None = None
    reply_code: int | None = None


def record(
    session: Session, env: Environment, message: Message, token: str, outcome: Outcome
) -> MessageStatus:
    """Write what came of a message if its claim is still this one; return the row's status.

    `message` says which one it is; its other values may be out of date.
    """
    now = env.clock.now()
    lead = hold_lead(session, message.lead_id)  # the event below refers to it: lead first, then message
    status, reason = outcome.status, outcome.reason
    # A refusal may come after another attempt gave this one up: then nobody asks again.
    expected = [MessageStatus.SENDING, MessageStatus.UNCERTAIN]
    if status == MessageStatus.NEW:
        expected = [MessageStatus.SENDING]
        enrolment = lock_enrolment(session, message.enrolment_id)
        if enrolment.status == EnrolmentStatus.ENDED:
            status, reason = MessageStatus.SKIPPED, unsent_reason(enrolment.outcome)
    values = {
        "message_id": message.id,
        "token": token,
        "expected": expected,
        "status": status,
        "reason": reason,
        "reply_code": outcome.reply_code,
        "sent_at": now if status == MessageStatus.SENT else None,
        "kept_token": None if status == MessageStatus.NEW else token,
        "failed_at": now if status == MessageStatus.NEW else None,
    }
    connection = session.connection()
    if connection.execute(_FENCED, values).rowcount != 1:
        found: MessageStatus = connection.execute(_STATUS, {"message_id": message.id}).scalar_one()
        return found
    if status == MessageStatus.SENT and message.kind != NOTICE and not lead.is_erased:
        record_own(session, env, "email_sent", lead.id, f"message:{message.id}:sent", message_id=message.id)
    return status
