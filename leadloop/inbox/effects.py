"""Carrying out what a turn decided, in the turn's transaction. One function per effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlmodel import Session, select

from leadloop.inbox.apply import Application
from leadloop.inbox.exits import clear_cooldown
from leadloop.journey import effects
from leadloop.language.plan import digest
from leadloop.sales import offers, tasks
from leadloop.scoring import ledger, lifecycle
from leadloop.scoring.reading import COOLDOWN, DUES
from leadloop.storage.columns import new_id
from leadloop.storage.database import announce
from leadloop.storage.tables import Deal, Due, Enrolment, Event, Message, MessageStatus, RecycledLoss


def apply_effect(application: Application, enrolment: Enrolment, effect: effects.Effect) -> None:
    """Carry out one effect. Raises `KeyError` for an effect type without a function."""
    _FUNCTIONS[type(effect)](application, enrolment, effect)


def find_message(session: Session, send_key: str) -> Message | None:
    """Return the message of a send key."""
    return session.exec(select(Message).where(Message.send_key == send_key)).one_or_none()


def _ask_message(application: Application, enrolment: Enrolment, effect: effects.AskMessage) -> None:
    session = application.session
    message = find_message(session, effect.send_key)
    if message is not None:
        if message.status == MessageStatus.HELD:
            message.status = MessageStatus.NEW
            message.hold_until = None
            session.add(message)
        return
    session.add(
        Message(
            id=new_id(),
            send_key=effect.send_key,
            enrolment_id=enrolment.id,
            publication_id=_publication_with(application, enrolment, effect.template),
            step_id=effect.step_id,
            visit=effect.visit,
            lead_id=application.lead.id,
            scenario=enrolment.scenario,
            topic=effect.topic,
            template=effect.template,
            subject_override=effect.subject,
            created_at=application.now,
        )
    )
    session.flush()


def _publication_with(application: Application, enrolment: Enrolment, template: str) -> str:
    """Pin the publication the journey began with; a stream's newer content is in the current one."""
    pinned = application.env.publications.get(enrolment.publication_id, application.session)
    names = pinned.publication.templates
    if any(name.startswith(f"{template}.") for name in names):
        return pinned.id
    return application.stored.id


def _drop_message(application: Application, enrolment: Enrolment, effect: effects.DropMessage) -> None:
    message = find_message(application.session, effect.send_key)
    if message is not None and message.status == MessageStatus.HELD:
        message.status = MessageStatus.SKIPPED
        message.reason = effect.reason
        message.hold_until = None
        application.session.add(message)


def _notice(
    application: Application,
    enrolment: Enrolment,
    *,
    key: str,
    kind: str,
    to: str,
    reference: str | None,
    step_id: str,
    visit: int,
) -> None:
    if find_message(application.session, key) is not None:
        return
    application.session.add(
        Message(
            id=new_id(),
            send_key=key,
            kind="notice",
            enrolment_id=enrolment.id,
            publication_id=application.stored.id,
            step_id=step_id,
            visit=visit,
            lead_id=application.lead.id,
            scenario=enrolment.scenario,
            template=f"notice:{kind}",
            to_address=to,
            reference=reference,
            created_at=application.now,
        )
    )
    application.session.flush()


def _add_score(application: Application, enrolment: Enrolment, effect: effects.AddScore) -> None:
    model = application.publication.scoring.models.get(effect.model)
    if model is None:  # an older plan names a model that is no longer published
        return
    lead_id = application.lead.id
    application.reader.ledger.add(
        entry_key=f"{lead_id}:{effect.model}:{effect.step_id}:{enrolment.id}:{effect.visit}",
        model=effect.model,
        rule_id=f"step:{effect.step_id}",
        points=effect.points,
        ruleset_digest=digest(model)[:16],
        at=application.now,
        reason=effect.reason,
    )
    application.rescore({effect.model}, None)
    application.settle()


def _move_stage(application: Application, enrolment: Enrolment, effect: effects.MoveStage) -> None:
    rules = application.publication.lifecycle
    if lifecycle.allowed(rules, application.lead.stage, effect.stage):
        application.move_stage(effect.stage, None)
        application.settle()


def _make_offer(application: Application, enrolment: Enrolment, effect: effects.MakeOffer) -> None:
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
        accept_by=effect.accept_by,
        now=application.now,
    )
    application.changed()
    application.emit("handed_off", None, offer=offer.id, queue=effect.queue)
    application.settle()
    _notice(
        application,
        enrolment,
        key=effect.notice_key,
        kind="handoff",
        to=offer.assignee,
        reference=offer.id,
        step_id=effect.step_id,
        visit=effect.visit,
    )


def _escalate_offer(application: Application, enrolment: Enrolment, effect: effects.EscalateOffer) -> None:
    offers.escalate_offer(
        application.session, application.lead, effect.offer_key, effect.accept_by, application.now
    )
    _offer_notice(application, enrolment, effect.offer_key, effect.notice_key, "escalation", effect.to)


def _ask_still_working(
    application: Application, enrolment: Enrolment, effect: effects.AskStillWorking
) -> None:
    _offer_notice(application, enrolment, effect.offer_key, effect.notice_key, "still_working", None)


def _offer_notice(
    application: Application,
    enrolment: Enrolment,
    offer_key: str,
    notice_key: str,
    kind: str,
    to: str | None,
) -> None:
    offer = offers.find_offer(application.session, offer_key)
    if offer is None:
        raise LookupError("the offer of a notice is missing")
    _notice(
        application,
        enrolment,
        key=notice_key,
        kind=kind,
        to=to or offer.assignee,
        reference=offer.id,
        step_id=offer.step_id,
        visit=offer.visit,
    )


def _set_work_by(application: Application, enrolment: Enrolment, effect: effects.SetWorkBy) -> None:
    offers.reset_work_by(application.session, application.lead, effect.offer_key, effect.work_by)


def _expire_offer(application: Application, enrolment: Enrolment, effect: effects.ExpireOffer) -> None:
    offers.expire_offer(application.session, application.lead, effect.offer_key, application.now)
    application.changed()
    application.settle()


def _begin_cycle(application: Application, enrolment: Enrolment, effect: effects.BeginCycle) -> None:
    """Count the cycle once per (lead, deal, loss), reset scores, and begin the cool-down.

    Conditions are looked at once after the reset, before the cool-down hides them, so that a lead
    that was hot when it was lost counts as not hot from here.
    """
    session, lead = application.session, application.lead
    deal_id, loss = _loss_of(session, enrolment)
    if session.get(RecycledLoss, (lead.id, deal_id, loss)) is None:
        session.add(
            RecycledLoss(
                lead_id=lead.id, deal_id=deal_id, loss=loss, enrolment_id=enrolment.id, at=application.now
            )
        )
        lead.cycle += 1
    published = application.publication.scoring.models
    resets = {model for model in effect.resets if model in published}
    for model in sorted(resets):
        spec = published[model]
        score = application.reader.ledger.score(model, spec, application.now)
        application.reader.ledger.add(
            entry_key=f"{lead.id}:{model}:{ledger.RESET}:{enrolment.id}:{effect.step_id}",
            model=model,
            rule_id=ledger.RESET,
            points=-ledger.shown(score),
            ruleset_digest=digest(spec)[:16],
            at=application.now,
            reason="recycled",
        )
    session.add(lead)
    application.changed()
    application.rescore(resets, None)
    application.settle()
    lead.recycle_until = effect.until
    session.add(lead)
    _schedule_cooldown(session, lead.id, effect)
    application.changed()


def _loss_of(session: Session, enrolment: Enrolment) -> tuple[str, int]:
    """Return the deal and its how-manieth loss that this journey recycles."""
    event = session.get(Event, enrolment.cause_event_id) if enrolment.cause_event_id else None
    deal = session.get(Deal, str(event.properties.get("deal"))) if event is not None else None
    return (deal.id, deal.losses) if deal is not None else (enrolment.id, 1)


def _schedule_cooldown(session: Session, lead_id: str, effect: effects.BeginCycle) -> None:
    key = f"{COOLDOWN}:{lead_id}"
    announce(session, DUES)
    row = session.get(Due, key)
    if row is None:
        session.add(Due(key=key, lead_id=lead_id, kind=COOLDOWN, due_at=effect.until))
    else:
        row.due_at = effect.until


def _end_cooldown(application: Application, enrolment: Enrolment, effect: effects.EndCooldown) -> None:
    end_cooldown(application)


def end_cooldown(application: Application) -> None:
    """Let lifecycle conditions see the lead again; what turned true meanwhile counts now."""
    clear_cooldown(application)
    application.changed()
    application.settle()


def _make_task(application: Application, enrolment: Enrolment, effect: effects.MakeTask) -> None:
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
        due_at=effect.due_at,
        now=application.now,
    )
    _notice(
        application,
        enrolment,
        key=effect.notice_key,
        kind="task",
        to=assignee,
        reference=task.id,
        step_id=effect.step_id,
        visit=effect.visit,
    )


def _tell_exit(application: Application, enrolment: Enrolment, effect: effects.TellExit) -> None:
    _notice(
        application,
        enrolment,
        key=effect.notice_key,
        kind="exit",
        to=effect.to,
        reference=effect.outcome,
        step_id=effect.step_id,
        visit=effect.visit,
    )


def _mark_overdue(application: Application, enrolment: Enrolment, effect: effects.MarkOverdue) -> None:
    tasks.mark_overdue(application.session, application.lead, effect.task_key, application.now)


_FUNCTIONS: dict[type, Callable[[Application, Enrolment, Any], None]] = {
    effects.AskMessage: _ask_message,
    effects.DropMessage: _drop_message,
    effects.AddScore: _add_score,
    effects.MoveStage: _move_stage,
    effects.MakeOffer: _make_offer,
    effects.EscalateOffer: _escalate_offer,
    effects.AskStillWorking: _ask_still_working,
    effects.SetWorkBy: _set_work_by,
    effects.ExpireOffer: _expire_offer,
    effects.BeginCycle: _begin_cycle,
    effects.EndCooldown: _end_cooldown,
    effects.MakeTask: _make_task,
    effects.MarkOverdue: _mark_overdue,
    effects.TellExit: _tell_exit,
}
