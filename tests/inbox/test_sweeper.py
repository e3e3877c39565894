"""The sweeper: journeys that should have moved get another workflow, once in a while."""

from __future__ import annotations

from sqlmodel import delete, select

from leadloop.inbox.applier import apply_once
from leadloop.inbox.recovery.sweeper import sweep
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Wake
from tests.factories import ManualClock
from tests.inbox.driver import journeys, mails, report, settle


def _enter(env: Environment) -> str:
    result = report(
        env,
        "form_submitted",
        email="taro@kaisha.example",
        properties={"form": "whitepaper"},
        identity={"consent": True},
        source="form",
        trust="verified",
    )
    settle(env)
    _lose_wakes(env)
    return str(result.lead_id)


def _lose_wakes(env: Environment) -> None:
    """What the relay does when it has sent them; the workflow that heard them is gone."""
    with env.database.write() as session:
        session.exec(delete(Wake))


def _restarts(env: Environment) -> list[bool]:
    with env.database.read() as session:
        return [wake.restart for wake in session.exec(select(Wake)).all()]


def test_sweep_leaves_a_waiting_journey_alone(env: Environment, clock: ManualClock) -> None:
    _enter(env)
    clock.advance(days=4)
    assert sweep(env) == 0
    assert _restarts(env) == []


def test_sweep_restarts_an_overdue_journey_with_a_higher_generation(
    env: Environment, clock: ManualClock
) -> None:
    _enter(env)
    clock.advance(days=5, seconds=59)
    assert sweep(env) == 0
    clock.advance(seconds=2)
    assert sweep(env) == 1
    assert journeys(env)[0].generation == 2
    assert _restarts(env) == [True]


def test_sweep_waits_before_it_restarts_the_same_journey_again(env: Environment, clock: ManualClock) -> None:
    _enter(env)
    clock.advance(days=6)
    assert sweep(env) == 1
    _lose_wakes(env)
    clock.advance(minutes=4)
    assert sweep(env) == 0
    clock.advance(minutes=2)
    assert sweep(env) == 1


def test_sweep_finds_a_journey_whose_event_came_and_whose_wake_was_lost(
    env: Environment, clock: ManualClock
) -> None:
    lead_id = _enter(env)
    report(env, "email_clicked", lead_id=lead_id, message_id=mails(env)[0].id, source="tracking")
    apply_once(env)
    _lose_wakes(env)
    clock.advance(seconds=30)
    assert sweep(env) == 0
    clock.advance(seconds=31)
    assert sweep(env) == 1
    settle(env)
    assert [mail.template for mail in mails(env)] == ["thanks", "case"]


def test_sweep_finds_an_ended_journey_without_its_closing_turn(env: Environment, clock: ManualClock) -> None:
    lead_id = _enter(env)
    report(env, "unsubscribed", lead_id=lead_id, properties={"topic": "nurture"}, source="tracking")
    apply_once(env)
    _lose_wakes(env)
    clock.advance(seconds=61)
    assert sweep(env) == 1
    settle(env)
    assert journeys(env)[0].next["kind"] == "end"
