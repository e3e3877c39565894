from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from leadloop.leads.consent import (
    MailVerdict,
    is_suppressed,
    may_mail,
    opted_in_topics,
    record_at_once,
    record_basis,
    suppress,
)
from leadloop.leads.identity import find_or_create_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Consent, Deal, DealStatus, Event, Lead
from tests.factories import ManualClock, make_enrolment, make_message, make_workspace

WORKSPACE = make_workspace()
EMAIL = "taro@acme.example"


def add_lead(session: Session, env: Environment) -> Lead:
    return find_or_create_lead(session, env, EMAIL, {}, env.clock.now())[0]


def happen(session: Session, env: Environment, lead: Lead, kind: str, **values: Any) -> Event:
    usual: dict[str, Any] = {
        "subject_id": lead.id,
        "type": kind,
        "source": "api",
        "occurred_at": env.clock.now(),
        "received_at": env.clock.now(),
    }
    event = Event(**(usual | values))
    session.add(event)
    session.flush()
    record_at_once(session, env, lead, event)
    record_basis(session, lead, event, WORKSPACE)
    return event


def ask(session: Session, env: Environment, lead: Lead, topic: str = "nurture") -> MailVerdict:
    return may_mail(session, env, lead, topic, WORKSPACE, env.clock.now())


def test_may_mail_needs_a_basis_of_the_topic(env: Environment) -> None:
    with env.database.write() as session:
        lead = add_lead(session, env)
        assert ask(session, env, lead) == MailVerdict(False, reason="no_consent")
        happen(session, env, lead, "form_submitted", properties={"form": "whitepaper"})
        assert ask(session, env, lead) == MailVerdict(False, reason="no_consent")
        assert ask(session, env, lead, "service") == MailVerdict(True, basis="request")
        happen(session, env, lead, "form_submitted", identity={"consent": True})
        assert ask(session, env, lead) == MailVerdict(True, basis="opt_in")
        assert ask(session, env, lead, "gossip") == MailVerdict(False, reason="unknown_topic")


def test_refusal_lasts_until_the_person_subscribes_again(env: Environment, clock: ManualClock) -> None:
    with env.database.write() as session:
        lead = add_lead(session, env)
        happen(session, env, lead, "form_submitted", identity={"consent": "true"})
        clock.advance(hours=1)
        happen(session, env, lead, "unsubscribed", properties={"topic": "nurture"})
        assert ask(session, env, lead) == MailVerdict(False, reason="unsubscribed")
        clock.advance(hours=1)
        happen(session, env, lead, "form_submitted", identity={"consent": ["nurture"]})
        assert ask(session, env, lead) == MailVerdict(True, basis="opt_in")


def test_refusal_of_everything_is_lifted_by_a_new_request_only_for_its_topic(
    env: Environment, clock: ManualClock
) -> None:
    with env.database.write() as session:
        lead = add_lead(session, env)
        lead.stage = "customer"
        happen(session, env, lead, "form_submitted")
        clock.advance(days=1)
        happen(session, env, lead, "unsubscribed")
        assert not ask(session, env, lead, "service").allowed
        clock.advance(days=1)
        happen(session, env, lead, "form_submitted")
        assert ask(session, env, lead, "service") == MailVerdict(True, basis="request")
        assert ask(session, env, lead) == MailVerdict(False, reason="unsubscribed")


def test_refusal_wins_at_the_same_instant(env: Environment) -> None:
    with env.database.write() as session:
        lead = add_lead(session, env)
        happen(session, env, lead, "unsubscribed")
        happen(session, env, lead, "form_submitted", identity={"consent": True})
        assert ask(session, env, lead) == MailVerdict(False, reason="unsubscribed")


def test_refusal_from_a_fast_clock_does_not_outlast_a_later_answer(
    env: Environment, clock: ManualClock
) -> None:
    with env.database.write() as session:
        lead = add_lead(session, env)
        ahead = env.clock.now() + timedelta(hours=20)
        happen(session, env, lead, "unsubscribed", occurred_at=ahead)
        clock.advance(hours=1)
        happen(session, env, lead, "form_submitted", identity={"consent": True})
        assert ask(session, env, lead).allowed


def test_customer_is_a_stage_or_a_won_deal(env: Environment) -> None:
    with env.database.write() as session:
        lead = add_lead(session, env)
        session.add(
            Deal(
                lead_id=lead.id, status=DealStatus.LOST, opened_at=env.clock.now(), closed_at=env.clock.now()
            )
        )
        session.flush()
        assert not ask(session, env, lead).allowed
        session.add(Deal(lead_id=lead.id, status=DealStatus.WON, opened_at=env.clock.now()))
        session.flush()
        assert ask(session, env, lead) == MailVerdict(True, basis="customer")
        happen(session, env, lead, "unsubscribed")
        assert ask(session, env, lead) == MailVerdict(False, reason="unsubscribed")


def test_card_counts_for_topics_that_allow_it(env: Environment) -> None:
    with env.database.write() as session:
        lead = add_lead(session, env)
        happen(session, env, lead, "card_received")
        assert ask(session, env, lead) == MailVerdict(True, basis="card")
        assert not ask(session, env, lead, "service").allowed


def test_suppression_beats_everything(env: Environment) -> None:
    with env.database.write() as session:
        lead = add_lead(session, env)
        happen(session, env, lead, "form_submitted", identity={"consent": True})
        suppress(session, env, "TARO@acme.example", "erasure", env.clock.now())
        suppress(session, env, EMAIL, "complaint", env.clock.now())
        assert ask(session, env, lead) == MailVerdict(False, reason="suppressed")
        assert is_suppressed(session, env, EMAIL)
        assert not is_suppressed(session, env, "jiro@acme.example")


@pytest.mark.parametrize(
    ("kind", "properties", "suppressed"),
    [
        ("email_bounced", {"kind": "hard"}, True),
        ("email_bounced", {"kind": "soft"}, False),
        ("email_complained", {}, True),
        ("email_opened", {}, False),
    ],
)
def test_hard_bounce_and_complaint_suppress_the_mailed_address(
    env: Environment, kind: str, properties: dict[str, str], suppressed: bool
) -> None:
    publication_id = env.publications.current().id
    with env.database.write() as session:
        lead = add_lead(session, env)
        enrolment = make_enrolment(session, publication_id, lead)
        message = make_message(session, enrolment, rendered_to="old@acme.example")
        happen(session, env, lead, kind, properties=properties, message_id=message.id)
        assert is_suppressed(session, env, "old@acme.example") is suppressed
        assert not is_suppressed(session, env, EMAIL)


def test_may_mail_needs_an_address_and_a_person(env: Environment) -> None:
    with env.database.write() as session:
        lead = add_lead(session, env)
        lead.email = None
        assert ask(session, env, lead).reason == "no_address"
        lead.erased_at = env.clock.now()
        assert ask(session, env, lead).reason == "erased"


def test_record_basis_writes_once_per_event(env: Environment) -> None:
    with env.database.write() as session:
        lead = add_lead(session, env)
        for kind in ("form_submitted", "unsubscribed"):
            event = happen(session, env, lead, kind, identity={"consent": "はい"})
            record_basis(session, lead, event, WORKSPACE)
        rows = session.exec(select(Consent.topic, Consent.basis)).all()
    assert sorted(rows) == [("*", "refused"), ("nurture", "opt_in"), ("service", "request")]


@pytest.mark.parametrize(
    ("answer", "topics"),
    [
        (True, ["nurture"]),
        ("true", ["nurture"]),
        ("同意する", ["nurture"]),
        ("○", ["nurture"]),
        ("nurture、service", ["nurture"]),
        (["service", "nurture"], ["nurture"]),
        (["service"], []),
        ("いいえ", []),
        ("", []),
        (None, []),
        (False, []),
        ({"nurture": True}, []),
    ],
)
def test_opted_in_topics_reads_answers(answer: object, topics: list[str]) -> None:
    assert opted_in_topics(answer, WORKSPACE) == topics
