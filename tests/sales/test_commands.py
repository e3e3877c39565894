"""Commands of sales: one event each, applied before they return."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from sqlmodel import select

from leadloop.sales import commands
from leadloop.sales.commands import SalesError
from leadloop.storage.environment import Environment
from leadloop.storage.tables import DealStatus, Event, Lead, OfferStatus, TaskStatus
from tests.factories import make_lead
from tests.sales.test_offers import make_offer
from tests.sales.test_tasks import make_task


def offered(env: Environment) -> tuple[str, str]:
    """Return the ids of a lead and its waiting offer."""
    with env.database.write() as session:
        lead = make_lead(session, env)
        return lead.id, make_offer(session, env, lead).id


def events_of(env: Environment, event_type: str) -> list[Event]:
    with env.database.read() as session:
        return list(session.exec(select(Event).where(Event.type == event_type)).all())


def test_accept_returns_the_accepted_offer_and_a_second_one_is_a_no_op(env: Environment) -> None:
    lead_id, offer_id = offered(env)
    first = commands.accept_offer(env, offer_id)
    second = commands.accept_offer(env, offer_id)
    assert (first.no_op, first.row.status) == (None, OfferStatus.ACCEPTED)
    assert (second.no_op, second.row.status) == ("already_accepted", OfferStatus.ACCEPTED)
    assert len(events_of(env, "handoff_accepted")) == 1
    with env.database.read() as session:
        assert session.get_one(Lead, lead_id).owner == first.row.assignee


def test_commands_record_verified_events_of_sales(env: Environment) -> None:
    _, offer_id = offered(env)
    commands.accept_offer(env, offer_id)
    commands.working_offer(env, offer_id)
    commands.working_offer(env, offer_id)
    commands.reject_offer(env, offer_id, "まだ早い")
    recorded = [*events_of(env, "handoff_working"), *events_of(env, "handoff_rejected")]
    assert [(one.source, one.trust, one.applied_at is not None) for one in recorded] == [
        ("sales", "verified", True)
    ] * 3
    assert recorded[-1].properties["reason"] == "まだ早い"


def test_lose_deal_keeps_the_month_to_ask_again(env: Environment) -> None:
    lead_id, offer_id = offered(env)
    commands.accept_offer(env, offer_id)
    opened = commands.open_deal(env, lead_id, deal_id="D-1", offer_id=offer_id, amount=100)
    lost = commands.lose_deal(env, "D-1", reason="timing", revisit_on="2027-04", note="来期予算")
    again = commands.lose_deal(env, "D-1", reason="timing")
    assert (opened.row.status, opened.row.offer_id) == (DealStatus.OPEN, offer_id)
    assert (lost.row.status, lost.row.revisit_on) == (DealStatus.LOST, date(2027, 4, 1))
    assert again.no_op == "already_lost"
    assert events_of(env, "deal_lost")[0].properties["revisit_on"] == "2027-04"


def test_reopened_deal_can_be_lost_again_as_a_new_loss(env: Environment) -> None:
    lead_id, _ = offered(env)
    commands.lose_deal(env, "D-1", reason="timing", lead_id=lead_id)
    assert commands.open_deal(env, lead_id, deal_id="D-1").row.status == DealStatus.OPEN
    assert commands.lose_deal(env, "D-1", reason="no_budget").row.losses == 2
    assert commands.open_deal(env, lead_id, deal_id="D-1").no_op is None
    assert commands.win_deal(env, "D-1", amount=7).row.amount == 7


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"reason": "whim"}, "reason"),
        ({"reason": "timing", "revisit_on": "spring"}, "revisit_on"),
        ({"reason": "timing", "revisit_on": "2026-10"}, "revisit_on"),
        ({"reason": "timing", "revisit_on": "2226-10"}, "revisit_on"),
        ({"reason": "timing", "amount": -1}, "amount"),
        ({"reason": "timing", "note": "長" * 2001}, "note"),
    ],
)
def test_lose_deal_names_the_wrong_field(env: Environment, values: dict[str, Any], field: str) -> None:
    lead_id, _ = offered(env)
    with pytest.raises(SalesError) as caught:
        commands.lose_deal(env, "D-1", lead_id=lead_id, **values)
    assert (caught.value.code, caught.value.field) == ("invalid", field)
    assert events_of(env, "deal_lost") == []


def test_month_to_ask_again_may_be_the_present_one(env: Environment) -> None:
    lead_id, _ = offered(env)
    result = commands.lose_deal(env, "D-1", reason="timing", revisit_on="2026-11", lead_id=lead_id)
    assert result.row.revisit_on == date(2026, 11, 1)


def test_commands_on_what_does_not_exist_are_not_found(env: Environment) -> None:
    calls: list[Callable[[], object]] = [
        lambda: commands.accept_offer(env, "none"),
        lambda: commands.win_deal(env, "none"),
        lambda: commands.open_deal(env, "none"),
        lambda: commands.finish_task(env, "none", "absent"),
    ]
    for call in calls:
        with pytest.raises(SalesError) as caught:
            call()
        assert caught.value.code == "not_found"


def test_deal_of_another_lead_is_refused(env: Environment) -> None:
    first, _ = offered(env)
    with env.database.write() as session:
        second = make_lead(session, env).id
    commands.open_deal(env, first, deal_id="D-1")
    with pytest.raises(SalesError, match="another lead"):
        commands.win_deal(env, "D-1", lead_id=second)


def test_finish_task_once_with_a_known_outcome(env: Environment) -> None:
    with env.database.write() as session:
        task_id = make_task(session, env, make_lead(session, env)).id
    with pytest.raises(SalesError, match="connected, absent"):
        commands.finish_task(env, task_id, "bribed")
    assert commands.finish_task(env, task_id, "connected").row.status == TaskStatus.DONE
    assert commands.finish_task(env, task_id, "absent").no_op == "already_done"


def test_of_many_accepts_at_once_one_counts(env: Environment) -> None:
    _, offer_id = offered(env)
    with ThreadPoolExecutor(max_workers=8) as pool:
        results = list(pool.map(lambda _: commands.accept_offer(env, offer_id), range(8)))
    assert sorted(str(one.no_op) for one in results) == ["None", *["already_accepted"] * 7]
    assert len(events_of(env, "handoff_accepted")) == 1
