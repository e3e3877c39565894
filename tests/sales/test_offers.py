"""Offers: who gets them, why, and what sales answers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from leadloop.sales import offers
from leadloop.sales.apply import apply_sales_event
from leadloop.sales.reasons import top_reasons
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Enrolment, Event, Lead, Offer, OfferStatus
from tests.factories import (
    NOW,
    make_enrolment,
    make_environment,
    make_lead,
    make_publication,
    make_score_entry,
    make_workspace,
)


def make_offer(session: Session, env: Environment, lead: Lead, key: str = "k1") -> Offer:
    stored = env.publications.current(session)
    journey = make_enrolment(session, stored.id, lead, record_key=key)
    return offers.create_offer(
        session,
        env,
        stored,
        lead,
        enrolment_id=journey.id,
        step_id="sales",
        visit=1,
        offer_key=key,
        queue="inside-sales",
        accept_by=NOW + timedelta(hours=4),
        now=NOW,
    )


def answer(session: Session, env: Environment, lead: Lead, event_type: str, **properties: str) -> str | None:
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


def test_create_offer_with_the_same_key_returns_the_same_offer(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        offer = make_offer(session, env, lead)
        again = offers.create_offer(
            session,
            env,
            env.publications.current(session),
            lead,
            enrolment_id=offer.enrolment_id,
            step_id="sales",
            visit=1,
            offer_key="k1",
            queue="inside-sales",
            accept_by=None,
            now=NOW,
        )
        assert again.id == offer.id
        assert again.accept_by == NOW + timedelta(hours=4)
        assert lead.in_sales


def test_assignment_prefers_the_company_owner_then_the_last_owner(env: Environment) -> None:
    with env.database.write() as session:
        company = Company(name="株式会社テスト", owner="owner@acme.example", created_at=NOW)
        session.add(company)
        session.flush()
        both = make_lead(session, company=company, last_owner="suzuki@acme.example")
        last = make_lead(session, last_owner="suzuki@acme.example")
        assert make_offer(session, env, both, "a").assignee == "owner@acme.example"
        assert make_offer(session, env, last, "b").assignee == "suzuki@acme.example"


def test_round_robin_takes_turns_and_respects_capacity(tmp_path: Path) -> None:
    queues = make_workspace().queues
    small = queues["inside-sales"].model_copy(
        update={"members": {"sato@acme.example": 1, "suzuki@acme.example": None}}
    )
    publication = make_publication(workspace=make_workspace(queues={"inside-sales": small}))
    env = make_environment(tmp_path, publication)
    with env.database.write() as session:
        got = [make_offer(session, env, make_lead(session), f"k{n}").assignee for n in range(4)]
    assert got == ["sato@acme.example", *["suzuki@acme.example"] * 3]


def test_round_robin_breaks_ties_by_rotation(env: Environment) -> None:
    with env.database.write() as session:
        got = []
        for number in range(4):
            offer = make_offer(session, env, make_lead(session), f"k{number}")
            got.append(offer.assignee)
            offer.status = OfferStatus.WON  # nobody has open offers at the next assignment
            session.add(offer)
    assert got == ["sato@acme.example", "suzuki@acme.example"] * 2


def test_reasons_group_by_rule_decay_and_forget_what_was_before_a_reset(env: Environment) -> None:
    models = env.publications.current().publication.scoring.models
    with env.database.write() as session:
        lead = make_lead(session)
        make_score_entry(session, lead, points=50, rule_id="old")
        make_score_entry(session, lead, points=-50, rule_id="reset")
        make_score_entry(session, lead, points=10, at=NOW - timedelta(days=30))
        make_score_entry(session, lead, points=10)
        make_score_entry(session, lead, points=30, rule_id="inquiry")
        make_score_entry(session, lead, points=-20, rule_id="left")
        found = top_reasons(session, lead.id, NOW, models)
    assert [(one["rule"], one["points"], one["times"]) for one in found] == [
        ("inquiry", 30, 1),
        ("mail-click", 15, 2),
    ]


def test_accept_makes_the_assignee_the_owner(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        offer = make_offer(session, env, lead)
        assert answer(session, env, lead, "handoff_accepted", offer=offer.id) is None
        assert offer.status == OfferStatus.ACCEPTED
        assert offer.accepted_at == NOW
        assert lead.owner == offer.assignee


def test_a_second_accept_changes_nothing_and_says_why(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        offer = make_offer(session, env, lead)
        answer(session, env, lead, "handoff_accepted", offer=offer.id)
        assert answer(session, env, lead, "handoff_accepted", offer=offer.id) == "already_accepted"


@pytest.mark.parametrize("accepted_first", [False, True])
def test_reject_gives_the_lead_back(env: Environment, accepted_first: bool) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        offer = make_offer(session, env, lead)
        if accepted_first:
            answer(session, env, lead, "handoff_accepted", offer=offer.id)
        assert answer(session, env, lead, "handoff_rejected", offer=offer.id, reason="学生だった") is None
        assert (offer.status, offer.end_reason) == (OfferStatus.REJECTED, "学生だった")
        assert not lead.in_sales
        assert (lead.owner, lead.last_owner) == (None, offer.assignee)


def test_working_needs_an_accepted_offer(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        offer = make_offer(session, env, lead)
        assert answer(session, env, lead, "handoff_working", offer=offer.id) == "not_accepted_yet"
        answer(session, env, lead, "handoff_accepted", offer=offer.id)
        assert answer(session, env, lead, "handoff_working", offer=offer.id) is None


def test_answers_to_offers_of_others_change_nothing(env: Environment) -> None:
    with env.database.write() as session:
        lead, other = make_lead(session), make_lead(session)
        offer = make_offer(session, env, lead)
        assert answer(session, env, other, "handoff_accepted", offer=offer.id) == "offer_of_another_lead"
        assert answer(session, env, lead, "handoff_accepted", offer="nothing") == "unknown_offer"
        assert offer.status == OfferStatus.OFFERED


def test_expire_keeps_only_who_accepted_as_last_owner(env: Environment) -> None:
    with env.database.write() as session:
        silent, worked = make_lead(session), make_lead(session)
        make_offer(session, env, silent, "a")
        offer = make_offer(session, env, worked, "b")
        answer(session, env, worked, "handoff_accepted", offer=offer.id)
        first = offers.expire_offer(session, silent, "a", NOW)
        second = offers.expire_offer(session, worked, "b", NOW)
        assert first is not None
        assert second is not None
        assert (first.end_reason, second.end_reason) == ("not_accepted", "not_worked")
        assert (silent.last_owner, worked.last_owner) == (None, offer.assignee)
        assert not silent.in_sales
        assert offers.expire_offer(session, silent, "a", NOW) is None


def test_escalation_moves_the_limit_of_a_waiting_offer_only(env: Environment) -> None:
    later = NOW + timedelta(hours=8)
    with env.database.write() as session:
        lead = make_lead(session)
        offer = make_offer(session, env, lead)
        offers.escalate_offer(session, lead, "k1", later, NOW)
        assert (offer.escalated_at, offer.accept_by) == (NOW, later)
        answer(session, env, lead, "handoff_accepted", offer=offer.id)
        assert offers.escalate_offer(session, lead, "k1", later, NOW) is None
        offers.reset_work_by(session, lead, "k1", later)
        assert offer.work_by == later


def test_withdraw_ends_the_offers_of_one_journey(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        offer = make_offer(session, env, lead)
        kept = make_offer(session, env, lead, "k2")
        journey = session.get_one(Enrolment, offer.enrolment_id)
        assert offers.withdraw_offers(session, lead, journey.id, "unsubscribed", NOW, accepted=False) == 1
        assert offer.status == OfferStatus.WITHDRAWN
        assert kept.status == OfferStatus.OFFERED


@pytest.mark.parametrize(("accepted", "taken"), [(False, 0), (True, 1)])
def test_withdraw_leaves_what_sales_works_on(env: Environment, accepted: bool, taken: int) -> None:
    with env.database.write() as session:
        lead = make_lead(session)
        offer = make_offer(session, env, lead)
        answer(session, env, lead, "handoff_accepted", offer=offer.id)
        assert (
            offers.withdraw_offers(session, lead, offer.enrolment_id, "ended", NOW, accepted=accepted)
            == taken
        )
