"""Taking a lost lead back: the cycle, the reset of its scores, the cool-down."""

from __future__ import annotations

from sqlmodel import Session

from leadloop.inbox.apply import Application
from leadloop.inbox.exits import clear_cooldown
from leadloop.journey import effects
from leadloop.language.plan import digest
from leadloop.scoring import ledger
from leadloop.scoring.reading import COOLDOWN, DUES
from leadloop.storage.database import announce
from leadloop.storage.tables import Deal, Due, Enrolment, Event, RecycledLoss


def begin_cycle(application: Application, enrolment: Enrolment, effect: effects.BeginCycle) -> None:
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


def end_cooldown_of(application: Application, enrolment: Enrolment, effect: effects.EndCooldown) -> None:
    end_cooldown(application)


def end_cooldown(application: Application) -> None:
    """Let lifecycle conditions see the lead again; what turned true meanwhile counts now."""
    clear_cooldown(application)
    application.changed()
    application.settle()
