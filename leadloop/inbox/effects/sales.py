"""Offers of leads to sales, and tasks. The assignee gets a notice."""

from __future__ import annotations

from leadloop.inbox.apply import Application
from leadloop.inbox.effects.mail import add_notice
from leadloop.journey import effects
from leadloop.sales import offers, tasks
from leadloop.storage.tables import Enrolment


def make_offer(application: Application, enrolment: Enrolment, effect: effects.MakeOffer) -> None:
    offer = offers.create_offer(
        application.session,
        application.env,
        application.stored,
        application.lead,
        enrolment_id=enrolment.id,
        step_id=effect.step_id,
        visit=effect.visit,
        offer_key=effect.offer_key,
        queue=effect.queue,
        otherwise=effect.otherwise,
        what=effect.what,
        accept_by=effect.accept_by,
        now=application.now,
    )
    application.changed()
    application.emit("handed_off", None, offer=offer.id, queue=offer.queue)
    application.settle()
    add_notice(
        application,
        enrolment,
        key=effect.notice_key,
        template="notice:handoff",
        to=offer.assignee,
        step_id=effect.step_id,
        visit=effect.visit,
        reference=offer.id,
    )


def escalate_offer(application: Application, enrolment: Enrolment, effect: effects.EscalateOffer) -> None:
    offers.escalate_offer(
        application.session, application.lead, effect.offer_key, effect.accept_by, application.now
    )
    _offer_notice(application, enrolment, effect.offer_key, effect.notice_key, "escalation", effect.to)


def ask_still_working(
    application: Application, enrolment: Enrolment, effect: effects.AskStillWorking
) -> None:
    _offer_notice(application, enrolment, effect.offer_key, effect.notice_key, "still_working", None)


def _offer_notice(
    application: Application,
    enrolment: Enrolment,
    offer_key: str,
    notice_key: str,
    name: str,
    to: str | None,
) -> None:
    offer = offers.find_offer(application.session, offer_key)
    if offer is None:
        raise LookupError("the offer of a notice is missing")
    add_notice(
        application,
        enrolment,
        key=notice_key,
        template=f"notice:{name}",
        to=to or offer.assignee,
        step_id=offer.step_id,
        visit=offer.visit,
        reference=offer.id,
    )


def set_work_by(application: Application, enrolment: Enrolment, effect: effects.SetWorkBy) -> None:
    offers.reset_work_by(application.session, application.lead, effect.offer_key, effect.work_by)


def expire_offer(application: Application, enrolment: Enrolment, effect: effects.ExpireOffer) -> None:
    offers.expire_offer(application.session, application.lead, effect.offer_key, application.now)
    application.changed()
    application.settle()


def make_task(application: Application, enrolment: Enrolment, effect: effects.MakeTask) -> None:
    workspace = application.publication.workspace
    assignee = tasks.assignee_for(
        application.session, application.env, application.lead, effect.to, effect.otherwise, workspace
    )
    task = tasks.create_task(
        application.session,
        application.lead,
        enrolment_id=enrolment.id,
        step_id=effect.step_id,
        visit=effect.visit,
        task_key=effect.task_key,
        type=effect.type,
        title=effect.title,
        assignee=assignee,
        outcomes=effect.outcomes,
        asks=effect.asks,
        asks_date=effect.asks_date,
        due_at=effect.due_at,
        now=application.now,
    )
    add_notice(
        application,
        enrolment,
        key=effect.notice_key,
        template="notice:task",
        to=assignee,
        step_id=effect.step_id,
        visit=effect.visit,
        reference=task.id,
    )


def mark_overdue(application: Application, enrolment: Enrolment, effect: effects.MarkOverdue) -> None:
    tasks.mark_overdue(application.session, application.lead, effect.task_key, application.now)


def withdraw_task(application: Application, enrolment: Enrolment, effect: effects.WithdrawTask) -> None:
    tasks.withdraw_task(application.session, application.lead, effect.task_key, application.now)
