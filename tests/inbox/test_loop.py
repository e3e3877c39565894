"""The whole loop on SQLite without Temporal: nurture, hot, hand-off, lost, recycled, again."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import col, select

from leadloop.inbox.apply import Application
from leadloop.inbox.effects.recycling import begin_cycle
from leadloop.journey.effects import BeginCycle
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Lead, Offer, OfferStatus, ScoreEntry
from tests.factories import ManualClock
from tests.inbox.driver import journeys, mails, report, running, settle


def _enter(env: Environment) -> str:
    result = report(
        env,
        "form_submitted",
        email="taro@kaisha.example",
        properties={"form": "whitepaper"},
        identity={
            "family_name": "山田",
            "given_name": "太郎",
            "company_name": "株式会社テスト",
            "consent": True,
        },
        trust="verified",
        source="form",
    )
    assert result.status == "accepted"
    settle(env)
    assert result.lead_id is not None
    return result.lead_id


def _heat(env: Environment, lead_id: str) -> None:
    report(env, "form_submitted", lead_id=lead_id, properties={"form": "contact"}, source="form")
    settle(env)


def _offer(env: Environment) -> Offer:
    with env.database.read() as session:
        offer = session.exec(select(Offer).order_by(col(Offer.id).desc())).first()
    assert offer is not None
    return offer


def test_loop_form_starts_nurture_and_waits(env: Environment) -> None:
    _enter(env)
    (journey,) = running(env)
    assert journey.scenario == "whitepaper-nurture"
    assert journey.next["kind"] == "wait"
    assert [mail.template for mail in mails(env)] == ["thanks"]


def test_loop_click_takes_branch(env: Environment) -> None:
    lead_id = _enter(env)
    report(env, "email_clicked", lead_id=lead_id, message_id=mails(env)[0].id, source="tracking")
    settle(env)
    assert [mail.template for mail in mails(env)] == ["thanks", "case"]
    assert journeys(env)[0].outcome == "completed"


def test_loop_timeout_takes_branch(env: Environment, clock: ManualClock) -> None:
    _enter(env)
    clock.advance(days=5, seconds=1)
    settle(env)
    assert [mail.template for mail in mails(env)] == ["thanks", "case"]


def test_loop_hot_lead_is_handed_off_lost_and_recycled(env: Environment, clock: ManualClock) -> None:
    lead_id = _enter(env)
    _heat(env, lead_id)
    by_scenario = {row.scenario: row for row in journeys(env)}
    assert by_scenario["whitepaper-nurture"].outcome == "goal"
    offer = _offer(env)
    assert offer.status == OfferStatus.OFFERED
    assert [mail.template for mail in mails(env, "notice")] == ["notice:handoff"]

    report(env, "handoff_accepted", lead_id=lead_id, properties={"offer": offer.id}, source="sales")
    settle(env)
    report(env, "deal_lost", lead_id=lead_id, properties={"deal": "d1", "reason": "timing"}, source="sales")
    settle(env)
    by_scenario = {row.scenario: row for row in journeys(env)}
    assert by_scenario["sales-handoff"].outcome == "lost"
    recycle = by_scenario["lost-deal-recycle"]
    assert recycle.status == EnrolmentStatus.RUNNING
    with env.database.read() as session:
        lead = session.get_one(Lead, lead_id)
        assert (lead.stage, lead.cycle, lead.in_sales) == ("recycled", 1, False)
        resets = session.exec(select(ScoreEntry).where(ScoreEntry.rule_id == "reset")).all()
        assert len(resets) == 1

    clock.advance(days=61)
    settle(env)
    assert {row.scenario: row for row in journeys(env)}["lost-deal-recycle"].outcome == "nurtured"
    _heat(env, lead_id)
    handoffs: list[Enrolment] = journeys(env, "sales-handoff")
    assert len(handoffs) == 2
    assert handoffs[1].status == EnrolmentStatus.RUNNING


def test_loop_cooldown_hides_heat_until_it_ends(env: Environment, clock: ManualClock) -> None:
    lead_id = _enter(env)
    _heat(env, lead_id)
    report(env, "deal_lost", lead_id=lead_id, properties={"deal": "d1", "reason": "timing"}, source="sales")
    settle(env)
    clock.advance(days=50)
    _heat(env, lead_id)
    with env.database.read() as session:
        assert session.get_one(Lead, lead_id).stage == "recycled"
    clock.advance(days=11)
    settle(env)
    with env.database.read() as session:
        assert session.get_one(Lead, lead_id).stage == "recycled"  # decayed below hot meanwhile


def test_loop_unaccepted_offer_escalates_then_expires(env: Environment, clock: ManualClock) -> None:
    _heat(env, _enter(env))
    clock.advance(hours=5)
    settle(env)
    assert [mail.template for mail in mails(env, "notice")] == ["notice:handoff", "notice:escalation"]
    clock.advance(days=1)
    settle(env)
    assert _offer(env).status == OfferStatus.EXPIRED
    assert journeys(env, "sales-handoff")[0].outcome == "unaccepted"


def test_loop_silent_sales_is_asked_reminded_and_expired(env: Environment, clock: ManualClock) -> None:
    lead_id = _enter(env)
    _heat(env, lead_id)
    report(env, "handoff_accepted", lead_id=lead_id, properties={"offer": _offer(env).id}, source="sales")
    settle(env)
    for _ in range(12):
        clock.advance(days=5)
        settle(env)
    templates = [mail.template for mail in mails(env, "notice")]
    assert templates == ["notice:handoff"] + 3 * ["notice:still_working"]
    assert journeys(env, "sales-handoff")[0].outcome == "unaccepted"


def _lose(env: Environment, lead_id: str, deal: str) -> None:
    report(env, "deal_lost", lead_id=lead_id, properties={"deal": deal, "reason": "timing"}, source="sales")
    settle(env)


def test_loop_cooldown_does_not_outlive_its_journey(env: Environment) -> None:
    lead_id = _enter(env)
    _heat(env, lead_id)
    _lose(env, lead_id, "d1")
    report(env, "unsubscribed", lead_id=lead_id, properties={"topic": "nurture"}, source="tracking")
    settle(env)
    assert journeys(env, "lost-deal-recycle")[0].outcome == "unsubscribed"
    with env.database.read() as session:
        assert session.get_one(Lead, lead_id).recycle_until is None
    _heat(env, lead_id)  # an inquiry is heard again at once
    with env.database.read() as session:
        assert session.get_one(Lead, lead_id).stage == "mql"


def test_loop_losing_one_of_two_deals_keeps_the_hand_off(env: Environment) -> None:
    lead_id = _enter(env)
    _heat(env, lead_id)
    report(env, "handoff_accepted", lead_id=lead_id, properties={"offer": _offer(env).id}, source="sales")
    for deal in ("d1", "d2"):
        report(env, "deal_opened", lead_id=lead_id, properties={"deal": deal}, source="sales")
    settle(env)
    _lose(env, lead_id, "d1")
    assert journeys(env, "sales-handoff")[0].status == EnrolmentStatus.RUNNING
    assert _offer(env).status == OfferStatus.ACCEPTED
    with env.database.read() as session:
        assert session.get_one(Lead, lead_id).in_sales
    _lose(env, lead_id, "d2")
    assert journeys(env, "sales-handoff")[0].outcome == "lost"
    with env.database.read() as session:
        assert not session.get_one(Lead, lead_id).in_sales


def test_loss_recycled_by_a_second_step_counts_one_cycle(env: Environment, clock: ManualClock) -> None:
    lead_id = _enter(env)
    _heat(env, lead_id)
    report(env, "handoff_accepted", lead_id=lead_id, properties={"offer": _offer(env).id}, source="sales")
    _lose(env, lead_id, "d1")
    (recycle,) = journeys(env, "lost-deal-recycle")
    with env.database.write() as session:
        application = Application(session, env, lock_lead(session, lead_id), clock.now())
        until = clock.now() + timedelta(days=1)
        begin_cycle(application, recycle, BeginCycle("again", until=until, resets=()))
        assert application.lead.cycle == 1
