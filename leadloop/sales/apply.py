"""Events of sales, applied to offers, deals and tasks."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from leadloop.language.plan import Workspace
from leadloop.sales.deals import apply_deal_event
from leadloop.sales.offers import apply_offer_event
from leadloop.sales.tasks import apply_task_event
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Lead

_HANDLERS = {
    "handoff_accepted": apply_offer_event,
    "handoff_rejected": apply_offer_event,
    "handoff_working": apply_offer_event,
    "deal_opened": apply_deal_event,
    "deal_won": apply_deal_event,
    "deal_lost": apply_deal_event,
    "task_done": apply_task_event,
}


def apply_sales_event(
    session: Session, env: Environment, lead: Lead, event: Event, workspace: Workspace, now: datetime
) -> str | None:
    """Apply an event of sales; other events are left alone.

    Returns a short reason when the event fits nothing any more and changed nothing.
    """
    handler = _HANDLERS.get(event.type)
    return handler(session, lead, event, now) if handler else None
