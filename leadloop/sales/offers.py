"""Offers: leads handed to sales, and what sales answers.

`offered -> accepted | rejected | expired | withdrawn`, `accepted -> rejected | expired | won | lost |
withdrawn`. Callers hold the lock on the lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from leadloop.sales.assignment import OPEN, offer_to
from leadloop.sales.reasons import top_reasons
from leadloop.storage.environment import Environment
from leadloop.storage.publications import StoredPublication
from leadloop.storage.tables import Event, Lead, Offer, OfferStatus


def create_offer(
    session: Session,
    env: Environment,
    stored: StoredPublication,
    lead: Lead,
    *,
    enrolment_id: str,
    step_id: str,
    visit: int,
    offer_key: str,
    queue: str,
    accept_by: datetime | None,
    now: datetime,
    otherwise: str | None = None,
    what: str = "lead",
) -> Offer:
    """Offer the lead, or with it its whole company, and return the offer; once for each `offer_key`.

    `queue` is a queue, `owner` or `company_owner`; `otherwise` the queue where that names nobody. Only
    this lead is `in_sales` then: its colleagues' journeys go on.
    """
    known = find_offer(session, offer_key)
    if known is not None:
        return known
    publication = stored.publication
    assignee, queue = offer_to(session, lead, queue, otherwise, publication.workspace)
    offer = Offer(
        offer_key=offer_key,
        enrolment_id=enrolment_id,
        step_id=step_id,
        visit=visit,
        lead_id=lead.id,
        company_id=lead.company_id,
        what=what,
        queue=queue,
        assignee=assignee,
        reasons=top_reasons(session, lead.id, now, publication.scoring.models),
        offered_at=now,
        accept_by=accept_by,
    )
    lead.in_sales = True
    session.add(offer)
    session.add(lead)
    session.flush()
    return offer


def find_offer(session: Session, offer_key: str) -> Offer | None:
    """Return the offer of one visit of a hand_off step."""
    return session.exec(select(Offer).where(Offer.offer_key == offer_key)).one_or_none()


def company_people(session: Session, offer: Offer, limit: int = 10) -> Sequence[Lead]:
    """Return the people of an offered company, who was active last first; nobody for a single lead."""
    if offer.what != "company" or offer.company_id is None:
        return ()
    return session.exec(
        select(Lead)
        .where(
            Lead.company_id == offer.company_id,
            col(Lead.erased_at).is_(None),
            col(Lead.merged_into).is_(None),
        )
        .order_by(col(Lead.last_active_at).is_(None), col(Lead.last_active_at).desc(), col(Lead.id))
        .limit(limit)
    ).all()


def open_offers(session: Session, lead: Lead) -> Sequence[Offer]:
    """Return the lead's offers that sales has not finished, oldest first."""
    return session.exec(
        select(Offer)
        .where(Offer.lead_id == lead.id, col(Offer.status).in_(OPEN))
        .order_by(col(Offer.offered_at), col(Offer.id))
    ).all()


def escalate_offer(
    session: Session, lead: Lead, offer_key: str, accept_by: datetime | None, now: datetime
) -> Offer | None:
    """Note that nobody accepted in time and somebody else was told; `accept_by` is the new limit.

    None if the offer is not waiting for an answer.
    """
    offer = find_offer(session, offer_key)
    if offer is None or offer.lead_id != lead.id or offer.status != OfferStatus.OFFERED:
        return None
    offer.escalated_at = offer.escalated_at or now
    offer.accept_by = accept_by
    session.add(offer)
    return offer


def reset_work_by(session: Session, lead: Lead, offer_key: str, work_by: datetime | None) -> Offer | None:
    """Set until when sales works on an accepted offer. None if it is not accepted."""
    offer = find_offer(session, offer_key)
    if offer is None or offer.lead_id != lead.id or offer.status != OfferStatus.ACCEPTED:
        return None
    offer.work_by = work_by
    session.add(offer)
    return offer


def expire_offer(session: Session, lead: Lead, offer_key: str, now: datetime) -> Offer | None:
    """End an offer that sales let pass. None if it is not open any more.

    Who accepted and then fell silent stays the last owner; who never accepted does not become it,
    or the next offer would go to the same closed door.
    """
    offer = find_offer(session, offer_key)
    if offer is None or offer.lead_id != lead.id or offer.status not in OPEN:
        return None
    accepted = offer.status == OfferStatus.ACCEPTED
    _end(session, lead, offer, OfferStatus.EXPIRED, "not_worked" if accepted else "not_accepted", now)
    _release(session, lead, offer.assignee if accepted else None)
    return offer


def withdraw_offers(
    session: Session, lead: Lead, enrolment_id: str | None, reason: str, now: datetime, *, accepted: bool
) -> int:
    """Take back the open offers of a journey that ended, or (None) all of the lead; return how many.

    Without `accepted` only those nobody answered: what sales works on stays with sales.
    """
    rows = [
        one
        for one in open_offers(session, lead)
        if enrolment_id in (None, one.enrolment_id) and (accepted or one.status == OfferStatus.OFFERED)
    ]
    for offer in rows:
        _end(session, lead, offer, OfferStatus.WITHDRAWN, reason, now)
    if rows:
        _release(session, lead, lead.owner)
    return len(rows)


def close_offers(session: Session, lead: Lead, status: OfferStatus, reason: str, now: datetime) -> None:
    """End the lead's open offers because a deal was won or lost."""
    for offer in open_offers(session, lead):
        _end(session, lead, offer, status, reason, now)


def refusal(offer: Offer, event_type: str) -> str | None:
    """Return why an answer of sales does not fit the offer's status, or None if it does."""
    allowed = {
        "handoff_accepted": (OfferStatus.OFFERED,),
        "handoff_rejected": OPEN,
        "handoff_working": (OfferStatus.ACCEPTED,),
    }[event_type]
    if offer.status in allowed:
        return None
    if event_type == "handoff_working" and offer.status == OfferStatus.OFFERED:
        return "not_accepted_yet"
    return f"already_{offer.status.value}"


def apply_offer_event(session: Session, lead: Lead, event: Event, now: datetime) -> str | None:
    """Apply `handoff_accepted`, `handoff_rejected` or `handoff_working`; a reason if it changed nothing."""
    offer = session.get(Offer, str(event.properties.get("offer", "")))
    if offer is None:
        return "unknown_offer"
    if offer.lead_id != lead.id:
        return "offer_of_another_lead"
    no = refusal(offer, event.type)
    if no is not None:
        return no
    if event.type == "handoff_accepted":
        offer.status = OfferStatus.ACCEPTED
        offer.accepted_at = now
        lead.owner = offer.assignee
        lead.in_sales = True
        session.add(offer)
        session.add(lead)
    elif event.type == "handoff_rejected":
        _end(session, lead, offer, OfferStatus.REJECTED, str(event.properties.get("reason") or ""), now)
        _release(session, lead, offer.assignee)
    return None


def _end(session: Session, lead: Lead, offer: Offer, status: OfferStatus, reason: str, now: datetime) -> None:
    offer.status = status
    offer.ended_at = now
    offer.end_reason = reason or None
    session.add(offer)
    session.flush()
    lead.in_sales = bool(open_offers(session, lead))
    session.add(lead)


def _release(session: Session, lead: Lead, last_owner: str | None) -> None:
    lead.last_owner = last_owner or lead.last_owner
    lead.owner = None
    session.add(lead)
