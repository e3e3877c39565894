"""Deals: opened, won, lost, and lost again."""

from __future__ import annotations

from datetime import date

import pytest
from sqlmodel import Session

from leadloop.sales.apply import apply_sales_event
from leadloop.sales.deals import RevisitError, current_deal_id, last_day, open_deals, revisit_date
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Deal, DealStatus, Event, Lead, OfferStatus
from tests.factories import NOW, make_lead
from tests.sales.test_offers import answer, make_offer


def tell(session: Session, env: Environment, lead: Lead, event_type: str, **properties: object) -> str | None:
    event = Event(
        subject_id=lead.id,
        type=event_type,
        properties=properties,
        source="sales",
        occurred_at=NOW,
        received_at=NOW,
    )
    workspace = env.publications.current(session).publication.workspace
    return apply_sales_event(session, env, lead, event, workspace, NOW)


def test_deal_of_an_accepted_offer_belongs_to_its_assignee(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session, company="株式会社テスト")
        offer = make_offer(session, env, lead)
        answer(session, env, lead, "handoff_accepted", offer=offer.id)
        assert tell(session, env, lead, "deal_opened", deal="D-1", amount=5_000_000) is None
        deal = session.get_one(Deal, "D-1")
    assert (deal.owner, deal.offer_id, deal.amount) == (offer.assignee, offer.id, 5_000_000)
    assert (deal.company_id, deal.status) == (lead.company_id, DealStatus.OPEN)


def test_loss_closes_the_offer_and_releases_the_lead(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        offer = make_offer(session, env, lead)
        answer(session, env, lead, "handoff_accepted", offer=offer.id)
        tell(session, env, lead, "deal_opened", deal="D-1")
        tell(session, env, lead, "deal_lost", deal="D-1", reason="timing", revisit_on="2027-04", note="来期")
        deal = session.get_one(Deal, "D-1")
        assert (deal.status, deal.losses, deal.reason) == (DealStatus.LOST, 1, "timing")
        assert deal.revisit_on == date(2027, 4, 1)
        assert (offer.status, offer.end_reason) == (OfferStatus.LOST, "timing")
        assert (lead.owner, lead.last_owner, lead.in_sales) == (None, offer.assignee, False)


@pytest.mark.parametrize("with_sales", [True, False])
def test_loss_of_one_of_several_deals_changes_nothing_about_being_with_sales(
    env: Environment, with_sales: bool
) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        if with_sales:
            make_offer(session, env, lead)
        tell(session, env, lead, "deal_opened", deal="D-1")
        tell(session, env, lead, "deal_opened", deal="D-2")
        tell(session, env, lead, "deal_lost", deal="D-1", reason="timing")
        assert lead.in_sales is with_sales


def test_win_keeps_the_owner(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        offer = make_offer(session, env, lead)
        answer(session, env, lead, "handoff_accepted", offer=offer.id)
        assert tell(session, env, lead, "deal_won", deal="D-1", amount=100) is None
        assert (offer.status, lead.owner, lead.in_sales) == (OfferStatus.WON, offer.assignee, False)


def test_unknown_deal_is_made_closed(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session, owner="sato@acme.example")
        tell(session, env, lead, "deal_lost", deal="CRM-7", reason="no_budget")
        deal = session.get_one(Deal, "CRM-7")
        assert (deal.status, deal.losses, deal.owner) == (DealStatus.LOST, 1, "sato@acme.example")


def test_each_loss_after_a_reopening_counts(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        tell(session, env, lead, "deal_lost", deal="D-1", reason="timing")
        assert tell(session, env, lead, "deal_lost", deal="D-1", reason="timing") == "already_lost"
        assert tell(session, env, lead, "deal_opened", deal="D-1") is None
        assert tell(session, env, lead, "deal_opened", deal="D-1") == "already_open"
        assert tell(session, env, lead, "deal_lost", deal="D-1", reason="competitor") is None
        deal = session.get_one(Deal, "D-1")
        assert (deal.losses, deal.reason, deal.revisit_on) == (2, "competitor", None)


def test_lost_deal_can_be_won_and_a_won_one_stays_won(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        tell(session, env, lead, "deal_lost", deal="D-1", reason="timing")
        assert tell(session, env, lead, "deal_won", deal="D-1") is None
        assert tell(session, env, lead, "deal_won", deal="D-1") == "already_won"
        assert tell(session, env, lead, "deal_lost", deal="D-1", reason="timing") == "already_won"


def test_deal_of_another_lead_is_left_alone(env: Environment) -> None:
    with env.database.write() as session:
        lead, other = make_lead(session), make_lead(session)
        tell(session, env, lead, "deal_opened", deal="D-1")
        assert tell(session, env, other, "deal_lost", deal="D-1", reason="timing") == "deal_of_another_lead"
        assert tell(session, env, other, "deal_lost", reason="timing") == "no_deal_named"


def test_open_deals_counts_the_company_or_the_lead_alone(env: Environment) -> None:
    with env.database.write() as session:
        company = Company(name="テスト", created_at=NOW)
        session.add(company)
        session.flush()
        one, two = make_lead(session, company=company), make_lead(session, company=company)
        alone = make_lead(session)
        tell(session, env, one, "deal_opened", deal="D-1")
        tell(session, env, two, "deal_opened", deal="D-2")
        tell(session, env, two, "deal_lost", deal="D-2", reason="timing")
        assert [open_deals(session, lead) for lead in (one, two, alone)] == [1, 1, 0]


def test_current_deal_is_the_open_one_else_the_offer(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        offer = make_offer(session, env, lead)
        assert current_deal_id(session, lead) == offer.id
        tell(session, env, lead, "deal_opened", deal="D-1")
        assert current_deal_id(session, lead) == "D-1"


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2027-04", date(2027, 4, 1), date(2027, 4, 30)),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        ("2027-04-05", date(2027, 4, 5), date(2027, 4, 5)),
    ],
)
def test_revisit_text_names_a_month_or_a_day(text: str, first: date, last: date) -> None:
    assert (revisit_date(text), last_day(text)) == (first, last)


@pytest.mark.parametrize(
    "text", ["", "4月", "2027", "2027-13", "2027-02-30", "2027-4", "20270405", "2027-W14-1"]
)
def test_revisit_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(RevisitError):
        revisit_date(text)
