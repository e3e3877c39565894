"""The sales lock: what other journeys' clocks do while sales works on a lead."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from leadloop.inbox.applier import apply_once
from leadloop.inbox.apply import Application
from leadloop.inbox.doctor import examine
from leadloop.language import plan as p
from leadloop.sales import commands
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus, Offer, Wake
from tests.factories import NOW
from tests.inbox.driver import journeys, report, settle, turn
from tests.inbox.played import END, enter, environment, plan_of, rest, row_of

HAND_OFF = p.HandOffStep(
    id="sales", queue="inside-sales", on_rejected=p.Target(exit="rejected"),
    on_expired=p.Target(exit="expired"), on_won=p.Target(exit="won"), on_lost=p.Target(exit="lost"),
)  # fmt: skip
VIEWED = p.EventMatch(event="page_viewed")
TO_SALES = plan_of(HAND_OFF, scenario="sales", entry=(p.Entry(match=VIEWED),))


def world(tmp_path: Path, plan: p.Plan) -> tuple[Environment, str]:
    """Return an environment and a journey that waits."""
    env = environment(tmp_path, plan, TO_SALES)
    journey = enter(env, opt_in=True)
    settle(env)
    return env, journey.id


def hand_over(env: Environment, lead_id: str) -> str:
    report(env, "page_viewed", lead_id=lead_id, properties={"path": "/pricing"}, source="tracking")
    settle(env)
    with env.database.read() as session:
        return session.exec(select(Offer)).one().id


def advance(env: Environment, **units: float) -> None:
    env.clock.advance(**units)  # type: ignore[attr-defined]
    settle(env)


@pytest.mark.parametrize(
    ("clock", "ends_after"),
    [("run", timedelta(days=10)), ("freeze", timedelta(days=15)), ("restart", timedelta(days=17))],
)
def test_wait_ends_as_pause_clock_says(tmp_path: Path, clock: Any, ends_after: timedelta) -> None:
    """Two days of a wait of ten are over, then sales works on the lead for five."""
    env, journey_id = world(tmp_path, plan_of(rest(days=10), pause_clock=clock))
    lead_id = row_of(env, journey_id).lead_id
    advance(env, days=2)
    offer_id = hand_over(env, lead_id)
    advance(env, days=5)
    commands.reject_offer(env, offer_id, "時期尚早")
    settle(env)
    assert row_of(env, journey_id).due_at == NOW + ends_after
    env.clock.instant = NOW + ends_after - timedelta(seconds=1)  # type: ignore[attr-defined]
    settle(env)
    assert row_of(env, journey_id).status == EnrolmentStatus.RUNNING
    advance(env, seconds=1)
    assert row_of(env, journey_id).outcome == p.COMPLETED


def test_locked_wait_does_not_time_out_and_nothing_sweeps_it(tmp_path: Path) -> None:
    env, journey_id = world(tmp_path, plan_of(rest(days=10), pause_clock="freeze"))
    hand_over(env, row_of(env, journey_id).lead_id)
    advance(env, days=60)
    journey = row_of(env, journey_id)
    assert (journey.status, journey.locked_at, journey.due_at) == (EnrolmentStatus.RUNNING, NOW, None)
    reply = turn(env, journey_id, journey.turn_no + 1)
    assert (reply.status, reply.wait_seconds) == ("not_yet", None)
    assert [one for one in examine(env).problems if journey_id in one] == []


def test_second_lock_adds_to_the_first(tmp_path: Path) -> None:
    env, journey_id = world(tmp_path, plan_of(rest(days=10), pause_clock="freeze"))
    lead_id = row_of(env, journey_id).lead_id
    for _ in range(2):
        report(env, "page_viewed", lead_id=lead_id, properties={"path": "/"}, source="tracking")
        settle(env)
        advance(env, days=3)
        with env.database.read() as session:
            offers = session.exec(select(Offer).where(Offer.status == "offered")).all()
        commands.reject_offer(env, offers[0].id)
        settle(env)
    assert row_of(env, journey_id).due_at == NOW + timedelta(days=16)


def test_event_still_satisfies_a_locked_await(tmp_path: Path) -> None:
    wait = p.AwaitStep(
        id="wait",
        branches=(p.Branch(match=p.EventMatch(event="card_received"), go=p.Target(step="rest")),),
        timeout=p.WaitSpec(span=p.Span(amount=10, unit="days")),
        on_timeout=END,
    )
    env, journey_id = world(tmp_path, plan_of(wait, rest(days=4), pause_clock="freeze"))
    lead_id = row_of(env, journey_id).lead_id
    offer_id = hand_over(env, lead_id)
    advance(env, days=1)
    report(env, "form_submitted", lead_id=lead_id, properties={"form": "contact"}, source="form")
    settle(env)
    assert row_of(env, journey_id).state["step"] == "wait"
    with env.database.write() as session:
        application = Application(session, env, lock_lead(session, lead_id), env.clock.now())
        application.emit("card_received", None)
        application.settle()
    settle(env)
    journey = row_of(env, journey_id)
    assert (journey.state["step"], journey.locked_at) == ("rest", NOW + timedelta(days=1))
    advance(env, days=2)
    commands.reject_offer(env, offer_id)
    settle(env)
    assert row_of(env, journey_id).due_at == NOW + timedelta(days=1 + 2 + 4)


def test_journey_in_its_own_hand_off_is_not_locked(tmp_path: Path) -> None:
    own = TO_SALES.model_copy(update={"pause_clock": "freeze"})
    env = environment(tmp_path, own, plan_of(rest()))
    journey = enter(env)
    settle(env)
    hand_over(env, journey.lead_id)
    (sales,) = journeys(env, "sales")
    assert sales.locked_at is None
    assert sales.shielded


def test_won_deal_starts_the_clock_again(tmp_path: Path) -> None:
    env, journey_id = world(tmp_path, plan_of(rest(days=10), pause_clock="freeze"))
    lead_id = row_of(env, journey_id).lead_id
    offer_id = hand_over(env, lead_id)
    commands.accept_offer(env, offer_id)
    advance(env, days=7)
    commands.win_deal(env, offer_id, lead_id=lead_id)
    settle(env)
    journey = row_of(env, journey_id)
    assert (journey.locked_at, journey.due_at) == (None, NOW + timedelta(days=17))


def test_offer_that_is_taken_back_with_its_journey_starts_the_clock_again(tmp_path: Path) -> None:
    """A refusal ends the journey that handed over; nothing else would ever tell the other one."""
    env, journey_id = world(tmp_path, plan_of(rest(days=10), pause_clock="freeze", topic="service"))
    lead_id = row_of(env, journey_id).lead_id
    hand_over(env, lead_id)
    advance(env, days=3)
    assert row_of(env, journey_id).locked_at == NOW
    report(env, "unsubscribed", lead_id=lead_id, properties={"topic": "nurture"}, source="tracking")
    settle(env)
    (sales,) = journeys(env, "sales")
    assert (sales.status, sales.outcome) == (EnrolmentStatus.ENDED, "unsubscribed")
    journey = row_of(env, journey_id)
    assert (journey.locked_at, journey.due_at) == (None, NOW + timedelta(days=13))
    with env.database.read() as session:
        assert session.get(Wake, journey_id) is not None


def test_wait_that_is_over_does_not_stand_still(tmp_path: Path) -> None:
    """That no worker has taken its turn yet must not decide."""
    env, journey_id = world(tmp_path, plan_of(rest(days=10), pause_clock="freeze"))
    env.clock.advance(days=10)  # type: ignore[attr-defined]
    report(
        env,
        "page_viewed",
        lead_id=row_of(env, journey_id).lead_id,
        properties={"path": "/"},
        source="tracking",
    )
    apply_once(env)
    (sales,) = journeys(env, "sales")
    turn(env, sales.id, 1)
    assert row_of(env, journey_id).locked_at is None
    settle(env)
    assert row_of(env, journey_id).outcome == p.COMPLETED
