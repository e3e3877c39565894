"""Deals: opened, won, lost, lost again. Callers hold the lock on the lead."""

from __future__ import annotations

import re
from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import bindparam, func, or_
from sqlmodel import Session, col, select

from leadloop.sales.offers import close_offers, open_offers
from leadloop.storage.columns import new_id
from leadloop.storage.tables import Deal, DealStatus, Event, Lead, Offer, OfferStatus

_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_OPEN = select(func.count()).where(Deal.status == DealStatus.OPEN)
_OPEN_OF_LEAD = _OPEN.where(col(Deal.lead_id) == bindparam("lead_id"))
_OPEN_DEALS = select(Deal.id, Deal.lead_id, Deal.company_id).where(Deal.status == DealStatus.OPEN)
_OPEN_OF_LEADS = _OPEN_DEALS.where(col(Deal.lead_id).in_(bindparam("ids", expanding=True)))
_OPEN_OF_COMPANIES = _OPEN_DEALS.where(col(Deal.company_id).in_(bindparam("ids", expanding=True)))
_OPEN_OF_COMPANY = _OPEN.where(
    or_(col(Deal.lead_id) == bindparam("lead_id"), col(Deal.company_id) == bindparam("company_id"))
)


class RevisitError(ValueError):
    """Text that names neither a month (2027-04) nor a day (2027-04-05)."""


def revisit_date(text: str) -> date:
    """Return the day a revisit text names; a month means its first day.

    The calendar moves it to a business day when the journey waits for it. Raises `RevisitError`.
    """
    month = _MONTH.fullmatch(text)
    try:
        if month:
            return date(int(month[1]), int(month[2]), 1)
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise RevisitError("write a month (2027-04) or a day (2027-04-05)")


def last_day(text: str) -> date:
    """Return the last day a revisit text can mean: the end of the month, or the day itself."""
    day = revisit_date(text)
    return day.replace(day=monthrange(day.year, day.month)[1]) if _MONTH.fullmatch(text) else day


def open_deals(session: Session, lead: Lead) -> int:
    """Count the open deals of the lead's company, or of the lead alone when it has none."""
    if not lead.company_id:
        return own_open_deals(session, lead)
    return session.exec(_OPEN_OF_COMPANY, params={"lead_id": lead.id, "company_id": lead.company_id}).one()


class OpenDeals:
    """How many deals are open, for leads that one transaction has locked.

    They are read ahead for `leads`, together; of others when they are asked for.
    """

    def __init__(self, session: Session, leads: Sequence[Lead] = ()) -> None:
        self._session = session
        self._counts: dict[str, int] = _count_open(session, leads) if leads else {}

    def of(self, lead: Lead) -> int:
        """Count as `open_deals` does."""
        if lead.id not in self._counts:
            self._counts[lead.id] = open_deals(self._session, lead)
        return self._counts[lead.id]

    def changed(self, lead: Lead | None = None) -> None:
        """Say that a deal was opened or closed; with `lead`, that only this one may have other deals now."""
        if lead is None:
            self._counts.clear()
        else:
            self._counts.pop(lead.id, None)


def _count_open(session: Session, leads: Sequence[Lead]) -> dict[str, int]:
    companies = sorted({lead.company_id for lead in leads if lead.company_id})
    rows = set(session.exec(_OPEN_OF_LEADS, params={"ids": [lead.id for lead in leads]}).all())
    if companies:
        rows.update(session.exec(_OPEN_OF_COMPANIES, params={"ids": companies}).all())
    of_lead = Counter(lead_id for _, lead_id, _ in rows)
    of_company = Counter(company_id for _, _, company_id in rows if company_id)
    both = Counter((lead_id, company_id) for _, lead_id, company_id in rows if company_id)
    return {
        lead.id: of_lead[lead.id]
        + (of_company[lead.company_id] - both[lead.id, lead.company_id] if lead.company_id else 0)
        for lead in leads
    }


def own_open_deals(session: Session, lead: Lead) -> int:
    """Count the lead's own open deals; a colleague's do not count."""
    return session.exec(_OPEN_OF_LEAD, params={"lead_id": lead.id}).one()


def current_deal_id(session: Session, lead: Lead) -> str:
    """Return the id under which the lead's present deal is won or lost.

    The newest open deal; without one the open offer's id, so that the same answer given twice is
    one deal; without an offer a new id.
    """
    newest = session.exec(
        select(Deal.id)
        .where(Deal.lead_id == lead.id, Deal.status == DealStatus.OPEN)
        .order_by(col(Deal.opened_at).desc(), col(Deal.id).desc())
    ).first()
    waiting = open_offers(session, lead)
    return newest or (waiting[-1].id if waiting else new_id())


def deal_refusal(deal: Deal | None, event_type: str, lead: Lead) -> str | None:
    """Return why an event does not fit the deal's status, or None if it does.

    A lost deal can be opened again and can be won; a won one stays won.
    """
    if deal is None:
        return None
    if deal.lead_id != lead.id:
        return "deal_of_another_lead"
    closed = {
        "deal_opened": (DealStatus.OPEN, DealStatus.WON),
        "deal_won": (DealStatus.WON,),
        "deal_lost": (DealStatus.LOST, DealStatus.WON),
    }[event_type]
    return f"already_{deal.status.value}" if deal.status in closed else None


def apply_deal_event(session: Session, lead: Lead, event: Event, now: datetime) -> str | None:
    """Apply `deal_opened`, `deal_won` or `deal_lost`; a short reason if it changed nothing."""
    deal_id = str(event.properties.get("deal") or "")
    if not deal_id:
        return "no_deal_named"
    deal = session.get(Deal, deal_id)
    no = deal_refusal(deal, event.type, lead)
    if no is not None:
        return no
    deal = deal or _new_deal(session, lead, event, deal_id, now)
    amount = event.properties.get("amount")
    if isinstance(amount, int):
        deal.amount = amount
    if event.type == "deal_opened":
        deal.status = DealStatus.OPEN
        deal.closed_at = deal.reason = deal.revisit_on = None
    elif event.type == "deal_won":
        _close(session, lead, deal, DealStatus.WON, now)
        close_offers(session, lead, OfferStatus.WON, "deal_won", now)
    else:
        _lose(session, lead, deal, event, now)
    session.add(deal)
    session.flush()
    return None


def _lose(session: Session, lead: Lead, deal: Deal, event: Event, now: datetime) -> None:
    owner = deal.owner or lead.owner
    _close(session, lead, deal, DealStatus.LOST, now)
    deal.losses += 1
    deal.reason = event.properties.get("reason")
    deal.note = event.properties.get("note")
    revisit_on = event.properties.get("revisit_on")
    deal.revisit_on = revisit_date(revisit_on) if isinstance(revisit_on, str) else None
    session.add(deal)
    session.flush()
    if own_open_deals(session, lead):  # one of several: who was with sales stays there
        lead.in_sales = bool(open_offers(session, lead))
        return
    close_offers(session, lead, OfferStatus.LOST, deal.reason or "deal_lost", now)
    lead.last_owner = owner or lead.last_owner
    lead.owner = None


def _close(session: Session, lead: Lead, deal: Deal, status: DealStatus, now: datetime) -> None:
    deal.status = status
    deal.closed_at = now
    lead.in_sales = False
    session.add(lead)


def _new_deal(session: Session, lead: Lead, event: Event, deal_id: str, now: datetime) -> Deal:
    offer = _offer_of(session, lead, event)
    return Deal(
        id=deal_id,
        lead_id=lead.id,
        company_id=lead.company_id,
        offer_id=offer.id if offer else None,
        owner=offer.assignee if offer else lead.owner,
        opened_at=now,
    )


def _offer_of(session: Session, lead: Lead, event: Event) -> Offer | None:
    named = session.get(Offer, str(event.properties.get("offer") or ""))
    if named is not None and named.lead_id == lead.id:
        return named
    waiting = open_offers(session, lead)
    return waiting[-1] if waiting else None
