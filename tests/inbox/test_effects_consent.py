"""Permissions, refusals and pauses that journeys write."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import select

from leadloop.inbox.applier import apply_once
from leadloop.language import plan as p
from leadloop.leads.consent import MailVerdict, may_mail
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Consent, Lead, TopicSuppression, Turn
from tests.factories import make_lead
from tests.inbox.driver import events, journeys, report, settle
from tests.inbox.played import enter, environment, plan_of, rest, row_of


def verdict(env: Environment, lead_id: str, topic: str = "nurture") -> MailVerdict:
    with env.database.read() as session:
        workspace = env.publications.current(session).publication.workspace
        lead = session.get_one(Lead, lead_id)
        return may_mail(session, env, lead, topic, workspace, env.clock.now())


def consents(env: Environment) -> list[Consent]:
    with env.database.read() as session:
        return list(session.exec(select(Consent).where(Consent.topic == "nurture")).all())


SUBSCRIBE = p.SubscribeStep(id="join", topic="nurture", basis="card")


def test_subscribe_writes_the_basis_with_its_proof(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(SUBSCRIBE, rest()))
    journey = enter(env)
    assert not verdict(env, journey.lead_id).allowed
    settle(env)
    assert verdict(env, journey.lead_id) == MailVerdict(True, basis="card")
    (proof,) = events(env, "subscribed")
    (consent,) = consents(env)
    assert consent.event_id == proof.id
    assert proof.properties == {"topic": "nurture", "basis": "card"}


def test_subscribe_does_not_beat_the_persons_refusal(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(SUBSCRIBE, rest(), topic="service"))
    with env.database.write():
        pass
    journey = enter(env)
    report(env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "nurture"}, trust="verified")
    apply_once(env)
    env.clock.advance(hours=1)  # type: ignore[attr-defined]
    settle(env)
    assert verdict(env, journey.lead_id) == MailVerdict(False, reason="unsubscribed")
    assert events(env, "subscribed") == []
    with env.database.read() as session:
        (first,) = session.exec(select(Turn).where(Turn.enrolment_id == journey.id)).all()
    assert {"step": "join", "did": "subscribe", "refused": "unsubscribed"} in first.trace


def test_unsubscribe_is_the_persons_and_ends_journeys_of_the_topic(tmp_path: Path) -> None:
    plan = plan_of(p.UnsubscribeStep(id="stop", topic="nurture"), p.TagStep(id="late", tags=("vip",)))
    other = plan_of(rest(), scenario="other")
    service = plan_of(rest(), scenario="service", topic="service")
    env = environment(tmp_path, plan, other, service)
    journey = enter(env, opt_in=True)
    settle(env)
    assert row_of(env, journey.id).outcome == "unsubscribed"
    assert {row.scenario: row.outcome for row in journeys(env)} == {
        "play": "unsubscribed",
        "other": "unsubscribed",
        "service": None,
    }
    assert verdict(env, journey.lead_id) == MailVerdict(False, reason="unsubscribed")
    (refusal,) = [one for one in consents(env) if one.basis == "refused"]
    assert refusal.event_id == events(env, "unsubscribed")[0].id


SUNSET = p.SuppressStep(
    id="sunset",
    topics=("nurture",),
    reason="sunset",
    lift_on=(p.EventMatch(event="form_submitted"), p.EventMatch(event="card_received")),
)


def test_suppress_pauses_its_topics_until_an_event_lifts_it(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(SUNSET, rest()))
    journey = enter(env, opt_in=True)
    settle(env)
    assert verdict(env, journey.lead_id) == MailVerdict(False, reason="suppressed_topic")
    assert verdict(env, journey.lead_id, "service").allowed
    report(env, "page_viewed", lead_id=journey.lead_id, properties={"path": "/"}, source="tracking")
    apply_once(env)
    assert not verdict(env, journey.lead_id).allowed
    report(env, "form_submitted", lead_id=journey.lead_id, properties={"form": "contact"}, source="form")
    apply_once(env)
    assert verdict(env, journey.lead_id).allowed
    with env.database.read() as session:
        (row,) = session.exec(select(TopicSuppression)).all()
    assert row.lifted_at == env.clock.now()
    assert row.lifted_by is not None


def test_suppress_is_lifted_by_a_condition_on_the_event_and_the_lead(tmp_path: Path) -> None:
    long_visit = p.Expression(
        source="event.seconds >= 60 && lead.employees >= 100",
        variables={"event.seconds": "int", "lead.employees": "int"},
    )
    step = SUNSET.model_copy(update={"lift_on": (p.EventMatch(event="page_viewed", where=long_visit),)})
    env = environment(tmp_path, plan_of(step, rest()))
    journey = enter(env, opt_in=True, fields={"employees": 300})
    settle(env)
    for seconds, allowed in ((5, False), (60, True)):
        report(
            env,
            "page_viewed",
            lead_id=journey.lead_id,
            properties={"path": "/", "seconds": seconds},
            source="tracking",
        )
        apply_once(env)
        assert verdict(env, journey.lead_id).allowed is allowed


def test_suppress_does_not_give_back_what_the_person_refused(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(SUNSET, rest(), topic="service"))
    journey = enter(env, opt_in=True)
    settle(env)
    report(env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "nurture"}, trust="verified")
    report(env, "form_submitted", lead_id=journey.lead_id, properties={"form": "contact"}, source="form")
    apply_once(env)
    assert verdict(env, journey.lead_id) == MailVerdict(False, reason="unsubscribed")


def test_subscribe_answers_a_request_that_is_newer_than_the_refusal(tmp_path: Path) -> None:
    answer = p.SubscribeStep(id="answer", topic="service", basis="request")
    viewed = p.Entry(match=p.EventMatch(event="page_viewed"))
    env = environment(tmp_path, plan_of(answer, rest(), entry=(viewed,)))
    with env.database.write() as session:
        lead = make_lead(session, env)
    for event, properties in (("unsubscribed", {}), ("page_viewed", {"path": "/seminar"})):
        report(env, event, lead_id=lead.id, properties=properties, trust="verified")
        apply_once(env)
        env.clock.advance(hours=1)  # type: ignore[attr-defined]
    assert not verdict(env, lead.id, "service").allowed
    settle(env)
    assert verdict(env, lead.id, "service") == MailVerdict(True, basis="request")
    assert verdict(env, lead.id) == MailVerdict(False, reason="unsubscribed")
