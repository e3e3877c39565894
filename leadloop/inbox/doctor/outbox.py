"""Checks of the outbox: handed over once, nothing left lying."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from leadloop.delivery.mailbox import Mailbox
from leadloop.inbox.calls import FINISHED
from leadloop.inbox.doctor.view import HANDED_OVER, LEASE, Found, View, bare_message, status_word
from leadloop.inbox.recovery.restored import lost_messages
from leadloop.storage.tables import (
    Call,
    Enrolment,
    EnrolmentStatus,
    Message,
    MessageStatus,
    Offer,
)

_NOTICE = "notice:"
_SENT_AGAIN = ("notice:still_working", "notice:task", "notice:overdue")
"""Notices that a visit may send several times: sales is asked again, a task is given again."""
_CALLS_END, _CALL_TRIES = timedelta(days=2), timedelta(hours=2)


def delivered_to(folder: Path | None) -> Counter[str] | None:
    """Return the ids of leadloop's messages in a local mailbox, each with how often it is there."""
    if folder is None or not folder.is_dir():
        return None
    mails = Mailbox(folder).list(limit=2**31)
    return Counter(mail.message_id for mail in mails if mail.message_id)


def handed_over_once(view: View) -> Found:
    """No step's message is handed over twice."""
    rows = view.session.exec(
        select(Message.enrolment_id, Message.step_id, Message.visit, Message.template).where(
            col(Message.status).in_(HANDED_OVER), col(Message.template).not_in(_SENT_AGAIN)
        )
    ).all()
    visits = Counter(
        (enrolment, step, visit, template if template.startswith(_NOTICE) else "mail")
        for enrolment, step, visit, template in rows
    )
    problems = [
        f"enrolment {enrolment}, step {step}, visit {visit}: {number} times ({what})"
        for (enrolment, step, visit, what), number in visits.items()
        if number > 1
    ]
    return visits.total(), problems


def mailbox_agrees(view: View) -> Found:
    """The local mailbox has each message once, and only messages that were handed over.

    Those that a restored database has no journey for are known to be missing.
    """
    if view.delivered is None:
        return 0, []
    rows = view.session.exec(select(Message.id, Message.status)).all()
    statuses: dict[str, MessageStatus] = {message_id: MessageStatus(word) for message_id, word in rows}
    problems = [f"message {one}: delivered {n} times" for one, n in view.delivered.items() if n > 1]
    for message_id in view.delivered.keys() - lost_messages(view.session):
        status = statuses.get(message_id)
        if status is None:
            problems.append(f"message {message_id}: delivered, but there is no such row")
        elif status not in HANDED_OVER:
            problems.append(f"message {message_id}: delivered, but its row is {status.value}")
    return len(view.delivered), problems


def outbox_settled(view: View) -> Found:
    """Every message is finished, or its journey is about to hand it over or knows when to ask again."""
    rows = view.session.exec(
        select(Message, Enrolment.next, status_word)
        .join(Enrolment, col(Enrolment.id) == col(Message.enrolment_id))
        .where(col(Message.status).in_((MessageStatus.NEW, MessageStatus.SENDING, MessageStatus.HELD)))
        .options(bare_message)
    ).all()
    problems = []
    for message, following, status in rows:
        problem = _unsettled(view, message, following, status)
        if problem:
            problems.append(f"message {message.id} of enrolment {message.enrolment_id}: {problem}")
    return len(rows), problems


def _unsettled(view: View, message: Message, following: Mapping[Any, Any], status: str) -> str | None:
    """Return why a message that is not finished lies there for ever, or None."""
    if message.status == MessageStatus.HELD:
        if message.hold_until is None:
            return "held without an end"
        return "held, but its journey has ended" if status == EnrolmentStatus.ENDED.value else None
    if message.status == MessageStatus.SENDING:
        if message.claimed_at is None:
            return "sending, but nobody claimed it"
        if view.is_past_lease(message.claimed_at):
            return f"sending for more than {LEASE.total_seconds() / 60:.0f} minutes"
    if following.get("kind") != "send" or following.get("message_id") != message.id:
        return f"{message.status.value}, but its journey does not hand it over"
    return None


def one_offer_per_visit(view: View) -> Found:
    """A lead is offered to sales at most once by each visit of a hand-off."""
    groups = view.session.exec(
        select(Offer.enrolment_id, Offer.step_id, Offer.visit, func.count()).group_by(
            Offer.enrolment_id, Offer.step_id, col(Offer.visit)
        )
    ).all()
    problems = [
        f"enrolment {enrolment}, step {step}, visit {visit}: {number} offers"
        for enrolment, step, visit, number in groups
        if number > 1
    ]
    return len(groups), problems


def calls_settled(view: View) -> Found:
    """Every outside call is finished, or its journey is about to make it."""
    rows = view.session.exec(
        select(Call, Enrolment.next, status_word).join(Enrolment, col(Enrolment.id) == col(Call.enrolment_id))
    ).all()
    problems = []
    for call, following, journey in rows:
        if call.status in FINISHED:
            continue
        if following.get("kind") != "call" or following.get("call_id") != call.id:
            what = "not finished, but its journey does not make it"
        elif journey == EnrolmentStatus.RUNNING.value and _is_given_up(view, call.created_at):
            what = "still tried, though its day is over"
        else:
            continue
        problems.append(f"call {call.id} of enrolment {call.enrolment_id}: {what}")
    return len(rows), problems


def _is_given_up(view: View, created_at: datetime) -> bool:
    """A call has a day of scenario time; between two tries lies an hour of real time at most."""
    since = view.now - created_at
    return since > _CALLS_END and view.env.clock.real_seconds(since) > _CALL_TRIES.total_seconds()


CHECKS = (handed_over_once, mailbox_agrees, outbox_settled, calls_settled, one_offer_per_visit)
