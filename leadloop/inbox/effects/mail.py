"""Mails to the lead, and notices to the people who work for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, bindparam, or_
from sqlmodel import Session, col, select

from leadloop.contracts import Letter
from leadloop.inbox.apply import Application
from leadloop.journey import effects
from leadloop.journey.failures import RENDER
from leadloop.sales.assignment import company_owner, fallback
from leadloop.sales.tasks import find_task
from leadloop.storage.columns import new_id
from leadloop.storage.inserting import insert_rows
from leadloop.storage.tables import Enrolment, Message, MessageStatus

OWNER = "owner"
_ASKED = "leadloop_asked"
"""Where a session keeps the message that its transaction has asked for last."""
_EARLIER = select(Message.id, Message.send_key).where(
    Message.enrolment_id == bindparam("enrolment_id"),
    or_(
        col(Message.send_key) == bindparam("send_key"),
        and_(
            col(Message.template) == bindparam("template"),
            col(Message.status) == MessageStatus.FAILED,
            col(Message.reason).startswith(RENDER, autoescape=True),
        ),
    ),
)


def find_message(session: Session, send_key: str) -> Message | None:
    """Return the message of a send key, also one that this transaction has just asked for."""
    for row in session.new:
        if isinstance(row, Message) and row.send_key == send_key:
            return row
    return session.exec(select(Message).where(Message.send_key == send_key)).one_or_none()


def ask_message(application: Application, enrolment: Enrolment, effect: effects.AskMessage) -> None:
    session = application.session
    earlier = _earlier(session, enrolment, effect)
    known = next((row.id for row in earlier if row.send_key == effect.send_key), None)
    if known is not None:
        message = session.get_one(Message, known)
        if message.status == MessageStatus.HELD:
            message.status = MessageStatus.NEW
            message.hold_until = None
            session.add(message)
        return
    row = {
        "id": new_id(),
        "send_key": effect.send_key,
        "kind": "mail",
        "enrolment_id": enrolment.id,
        "publication_id": _publication_for(application, enrolment, effect, failed=bool(earlier)),
        "step_id": effect.step_id,
        "visit": effect.visit,
        "lead_id": application.lead.id,
        "scenario": enrolment.scenario,
        "topic": effect.topic,
        "template": effect.template,
        "subject_override": effect.subject,
        "status": MessageStatus.NEW,
        "attempts": 0,
        "created_at": application.now,
    }
    insert_rows(session, Message, [row])
    letter = Letter(
        send_key=effect.send_key,
        step_id=effect.step_id,
        visit=effect.visit,
        topic=effect.topic,
        template=effect.template,
    )
    session.info[_ASKED] = (str(row["id"]), letter)


def asked_letter(session: Session, send_key: str) -> tuple[str, Letter]:
    """Return id and letter of a message that this turn, or an earlier one, has asked for.

    Raises `LookupError` where nobody has.
    """
    asked: tuple[str, Letter] | None = session.info.get(_ASKED)
    if asked is not None and asked[1].send_key == send_key:
        return asked
    message = find_message(session, send_key)
    if message is None:
        raise LookupError("a turn asked for a message it did not write")
    letter = Letter(
        send_key=message.send_key,
        kind=message.kind,
        step_id=message.step_id,
        visit=message.visit,
        topic=message.topic,
        template=message.template,
    )
    return message.id, letter


def _earlier(session: Session, enrolment: Enrolment, effect: effects.AskMessage) -> Sequence[Any]:
    """Return this message, if it was asked for, and the journey's that failed to be rendered like it."""
    session.flush()
    values = {"send_key": effect.send_key, "enrolment_id": enrolment.id, "template": effect.template}
    return session.connection().execute(_EARLIER, values).all()


def _publication_for(
    application: Application, enrolment: Enrolment, effect: effects.AskMessage, *, failed: bool
) -> str:
    """Pin the journey's publication; the newest one where this template `failed` to be rendered before."""
    if failed:
        return application.stored.id
    return publication_with(application, enrolment, effect.template)


def publication_with(application: Application, enrolment: Enrolment, template: str) -> str:
    """Pin the publication the journey began with; a stream's newer content is in the current one."""
    pinned = application.env.publications.get(enrolment.publication_id, application.session)
    names = pinned.publication.templates
    if any(name.startswith(f"{template}.") for name in names):
        return pinned.id
    return application.stored.id


def drop_message(application: Application, enrolment: Enrolment, effect: effects.DropMessage) -> None:
    message = find_message(application.session, effect.send_key)
    if message is not None and message.status == MessageStatus.HELD:
        message.status = MessageStatus.SKIPPED
        message.reason = effect.reason
        message.hold_until = None
        application.session.add(message)


def add_notice(
    application: Application,
    enrolment: Enrolment,
    *,
    key: str,
    template: str,
    to: str,
    step_id: str,
    visit: int,
    reference: str | None = None,
    publication_id: str | None = None,
) -> None:
    """Put a mail to a sales person in the outbox: no topic, so no consent, tracking or unsubscribing.

    `template` is `notice:<name>` for a built-in one, else a template of the workspace.
    """
    if find_message(application.session, key) is not None:
        return
    application.session.add(
        Message(
            id=new_id(),
            send_key=key,
            kind="notice",
            enrolment_id=enrolment.id,
            publication_id=publication_id or application.stored.id,
            step_id=step_id,
            visit=visit,
            lead_id=application.lead.id,
            scenario=enrolment.scenario,
            template=template,
            to_address=to,
            reference=reference,
            created_at=application.now,
        )
    )


def notify(application: Application, enrolment: Enrolment, effect: effects.Notify) -> None:
    """Tell the owner, else the company's owner, else whoever gets what belongs to nobody; or an address."""
    session, lead = application.session, application.lead
    to = effect.to
    if to == OWNER:
        to = lead.owner or company_owner(session, lead) or fallback(application.publication.workspace)
    add_notice(
        application,
        enrolment,
        key=effect.notice_key,
        template=effect.template,
        to=to,
        step_id=effect.step_id,
        visit=effect.visit,
        publication_id=publication_with(application, enrolment, effect.template),
    )


def tell_exit(application: Application, enrolment: Enrolment, effect: effects.TellExit) -> None:
    add_notice(
        application,
        enrolment,
        key=effect.notice_key,
        template="notice:exit",
        to=effect.to,
        step_id=effect.step_id,
        visit=effect.visit,
        reference=effect.outcome,
    )


def tell_overdue(application: Application, enrolment: Enrolment, effect: effects.TellOverdue) -> None:
    task = find_task(application.session, effect.task_key)
    if task is None:
        raise LookupError("the task of a notice is missing")
    add_notice(
        application,
        enrolment,
        key=effect.notice_key,
        template="notice:overdue",
        to=effect.to,
        step_id=task.step_id,
        visit=task.visit,
        reference=task.id,
    )
