"""Checks of the journeys: each is counted, each goes on, each has its turns."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func
from sqlmodel import col, select

from leadloop.inbox.calls import FINISHED
from leadloop.inbox.doctor.view import Found, View, bare_message, status_word
from leadloop.storage.tables import (
    ArmedWait,
    Call,
    Enrolment,
    EnrolmentStatus,
    Message,
    MessageStatus,
    Turn,
    Wake,
)

_ENDED = EnrolmentStatus.ENDED.value
_UNFINISHED = (MessageStatus.NEW, MessageStatus.SENDING, MessageStatus.HELD)


def journeys_add_up(view: View) -> Found:
    """Of every scenario: entered = running + held + paused + ended."""
    rows = view.session.exec(select(Enrolment.id, Enrolment.scenario, status_word, Enrolment.outcome)).all()
    known = {status.value for status in EnrolmentStatus}
    entered, counted = Counter[str](), Counter[str]()
    problems = []
    for enrolment_id, scenario, status, outcome in rows:
        entered[scenario] += 1
        counted[scenario] += status in known
        if (status == _ENDED) != (outcome is not None):
            problems.append(f"enrolment {enrolment_id}: {status} with outcome {outcome}")
    problems += [
        f"scenario {name}: {number} entered, {counted[name]} running, held, paused or ended"
        for name, number in entered.items()
        if number != counted[name]
    ]
    return len(rows), problems


def journeys_go_on(view: View) -> Found:
    """Every running journey has a due time, an armed wait, a wake, or a message within its lease."""
    rows = view.session.exec(select(Enrolment).where(status_word == EnrolmentStatus.RUNNING.value)).all()
    armed = set(view.session.exec(select(ArmedWait.enrolment_id).distinct()).all())
    woken = set(view.session.exec(select(Wake.enrolment_id)).all())
    messages = dict(
        view.session.exec(
            select(Message.id, Message)
            .join(Enrolment, col(Enrolment.id) == col(Message.enrolment_id))
            .where(status_word == EnrolmentStatus.RUNNING.value)
            .options(bare_message)
        ).all()
    )
    problems = []
    for row in rows:
        if row.due_at is not None or row.id in armed or row.id in woken or row.locked_at is not None:
            continue
        problem = _standstill(view, row, messages.get(str(row.next.get("message_id"))))
        if problem:
            problems.append(f"enrolment {row.id} of {row.scenario}: {problem}")
    held = view.session.exec(select(Enrolment).where(status_word == EnrolmentStatus.HELD.value)).all()
    problems += [f"enrolment {row.id}: held without a reason" for row in held if not row.held_reason]
    return len(rows) + len(held), problems


def _standstill(view: View, row: Enrolment, message: Message | None) -> str | None:
    """Return why nothing will ever move a journey that has no due time, wait or wake; or None."""
    if row.turn_no == 0:
        return "never took its first turn" if view.is_past_lease(row.entered_at) else None
    if row.next.get("kind") == "call":
        return _standing_call(view, row)
    if row.next.get("kind") != "send":
        return "waits for nothing"
    if message is None:
        return "hands over a message that is not there"
    if message.status in _UNFINISHED:
        return None  # `outbox_settled` looks at it
    touched = max(filter(None, (row.moved_at, message.claimed_at, message.sent_at)))
    return (
        f"did not go on after its message was {message.status.value}" if view.is_past_lease(touched) else None
    )


def _standing_call(view: View, row: Enrolment) -> str | None:
    """Return what is wrong with a journey that makes a call. A call is tried for a day."""
    call = view.session.get(Call, str(row.next.get("call_id")))
    if call is None:
        return "makes a call that is not there"
    if call.status not in FINISHED or not view.is_past_lease(call.done_at or row.moved_at):
        return None
    return f"did not go on after its call was {call.status.value}"


def one_open_journey(view: View) -> Found:
    """A lead or company has at most one open journey in a scenario, for each record."""
    subject = func.coalesce(func.nullif(Enrolment.subject_key, ""), Enrolment.lead_id)
    groups = view.session.exec(
        select(Enrolment.scenario, subject, Enrolment.record_key, func.count())
        .where(status_word != _ENDED)
        .group_by(Enrolment.scenario, subject, Enrolment.record_key)
    ).all()
    problems = [
        f"{key if key.startswith('company:') else f'lead {key}'}: {number} open journeys in {scenario}"
        for scenario, key, _record, number in groups
        if number > 1
    ]
    return len(groups), problems


def turns_are_dense(view: View) -> Found:
    """The turns of a journey go without a gap to its head, whose `next` stands on it. Old ones are pruned."""
    turns = {
        enrolment: (first, last, number)
        for enrolment, first, last, number in view.session.exec(
            select(Turn.enrolment_id, func.min(Turn.turn_no), func.max(Turn.turn_no), func.count()).group_by(
                Turn.enrolment_id
            )
        ).all()
    }
    heads = dict(
        view.session.exec(
            select(Turn.enrolment_id, Turn.next).join(
                Enrolment,
                (col(Enrolment.id) == col(Turn.enrolment_id)) & (col(Enrolment.turn_no) == col(Turn.turn_no)),
            )
        ).all()
    )
    rows = view.session.exec(select(Enrolment.id, Enrolment.turn_no, Enrolment.next)).all()
    problems = []
    for enrolment_id, head, following in rows:
        first, last, number = turns.get(enrolment_id, (1, 0, 0))
        if (last, number) != (head, head + 1 - first):
            problems.append(f"enrolment {enrolment_id}: head {head}, but {number} turns, {first} to {last}")
        elif head and heads[enrolment_id] != following:
            problems.append(f"enrolment {enrolment_id}: turn {head} says another next step than the journey")
    return sum(number for _, _, number in turns.values()), problems


CHECKS = (journeys_add_up, journeys_go_on, one_open_journey, turns_are_dense)
