"""Trying again: a held journey goes on in its next turn, and never mails a second time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from leadloop.inbox.operations.commands import pause_journey, retry_journey
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, MessageStatus, Turn
from tests.inbox.driver import mails, settle
from tests.inbox.operations.plays import BY, SEND, go, log_of, waiting
from tests.inbox.played import END, enter, environment, lead_of, plan_of, rest, row_of
from tests.inbox.test_holding import SHARE


def change_lead(env: Environment, lead_id: str, **fields: Any) -> None:
    """Change fields of a lead without telling anybody."""
    with env.database.write() as session:
        lead = session.merge(lead_of(env, lead_id))
        lead.fields = {**lead.fields, **fields}
        session.add(lead)


def causes(env: Environment, journey_id: str) -> list[str]:
    with env.database.read() as session:
        rows = session.exec(
            select(Turn).where(Turn.enrolment_id == journey_id).order_by(col(Turn.turn_no))
        ).all()
    return [row.cause["kind"] for row in rows]


def held(env: Environment, journey_id: str) -> Enrolment:
    row = row_of(env, journey_id)
    assert row.status == EnrolmentStatus.HELD, row.status
    return row


def test_step_whose_condition_is_sound_now_goes_on(tmp_path: Path) -> None:
    choice = p.IfStep(id="big", condition=SHARE, then=p.Target(exit="big"), otherwise=p.Target(exit="small"))
    env = environment(tmp_path, plan_of(choice))
    journey_id = enter(env, opt_in=True, fields={"employees": 0}).id
    go(env)
    assert "100 / lead.employees" in str(held(env, journey_id).held_reason)
    assert retry_journey(env, journey_id, BY).no_op is None
    assert retry_journey(env, journey_id, BY).no_op == "already_retried"
    go(env)
    assert "100 / lead.employees" in str(held(env, journey_id).held_reason)  # it was tried, once
    assert causes(env, journey_id) == ["start", "retried"]
    change_lead(env, held(env, journey_id).lead_id, employees=1)
    retry_journey(env, journey_id, BY)
    go(env)
    assert row_of(env, journey_id).outcome == "big"
    assert [one.action for one in log_of(env)] == ["retry", "retry"]
    assert "100 / lead.employees" in log_of(env)[0].detail["held"]


def test_wait_that_a_condition_held_waits_on_or_ends(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(rest(days=10), goal=(p.WhenMatch(when=SHARE),)))
    journey_id = enter(env, opt_in=True, fields={"employees": 50}).id
    go(env)
    due_at = row_of(env, journey_id).due_at
    lead_id = row_of(env, journey_id).lead_id
    change_lead(env, lead_id, employees=0)
    look_again(env, lead_id)
    held(env, journey_id)
    retry_journey(env, journey_id, BY)
    go(env)
    held(env, journey_id)
    change_lead(env, lead_id, employees=60)
    retry_journey(env, journey_id, BY)
    go(env)
    row = row_of(env, journey_id)
    assert (row.status, row.due_at, row.held_reason) == (EnrolmentStatus.RUNNING, due_at, None)
    change_lead(env, lead_id, employees=0)
    look_again(env, lead_id)
    held(env, journey_id)
    change_lead(env, lead_id, employees=2)
    retry_journey(env, journey_id, BY)
    go(env)
    assert row_of(env, journey_id).outcome == "goal"


def test_wait_whose_time_passed_while_held_ends(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(rest(days=10), goal=(p.WhenMatch(when=SHARE),)))
    journey_id = enter(env, opt_in=True, fields={"employees": 50}).id
    go(env)
    lead_id = row_of(env, journey_id).lead_id
    change_lead(env, lead_id, employees=0)
    look_again(env, lead_id)
    env.clock.advance(days=11)  # type: ignore[attr-defined]
    change_lead(env, lead_id, employees=60)
    retry_journey(env, journey_id, BY)
    go(env)
    assert row_of(env, journey_id).outcome == p.COMPLETED


def look_again(env: Environment, lead_id: str) -> None:
    from leadloop.inbox.apply import Application
    from leadloop.storage.database import lock_lead

    with env.database.write() as session:
        Application(session, env, lock_lead(session, lead_id), env.clock.now()).settle()


@pytest.mark.parametrize(
    ("status", "sent_again"),
    [
        (MessageStatus.SENT, False),
        (MessageStatus.UNCERTAIN, False),
        (MessageStatus.SENDING, False),
        (MessageStatus.HELD, False),
        (MessageStatus.NEW, False),
        (MessageStatus.FAILED, True),
        (MessageStatus.SKIPPED, True),
    ],
)
def test_retry_never_sends_a_mail_twice(tmp_path: Path, status: MessageStatus, sent_again: bool) -> None:
    """A journey that is held on a step with a mail: what became of the mail decides."""
    env = environment(tmp_path, plan_of(SEND, rest(days=3)))
    journey_id = enter(env, opt_in=True).id
    settle(env, deliver=lambda *_: None)
    with env.database.write() as session:
        row = session.get_one(Enrolment, journey_id)
        row.status, row.held_reason, row.next = EnrolmentStatus.HELD, "looked at by hand", {"kind": "wait"}
        message = session.merge(mails(env)[0])
        message.status = status
        session.add_all((row, message))
    retry_journey(env, journey_id, BY)
    go(env)
    assert row_of(env, journey_id).state["step"] == "rest"
    keys = [one.send_key for one in mails(env)]
    assert len(set(keys)) == (2 if sent_again else 1)
    was_sent = status in (MessageStatus.SENT, MessageStatus.UNCERTAIN, MessageStatus.SENDING)
    first = mails(env)[0]
    if was_sent or sent_again:
        assert (first.status, first.attempts) == (status, 0)
    else:
        assert (first.status, first.attempts) == (MessageStatus.SENT, 1)


def test_loop_that_was_stopped_goes_on_where_it_was_going(tmp_path: Path) -> None:
    tags = [p.TagStep(id=f"t{number}", tags=("vip",)) for number in range(103)]
    env, journey_id = waiting(tmp_path, *tags, rest())
    row = held(env, journey_id)
    assert row.state["visits"] == {f"t{number}": 1 for number in range(100)}
    retry_journey(env, journey_id, BY)
    go(env)
    row = row_of(env, journey_id)
    assert (row.status, row.state["step"]) == (EnrolmentStatus.RUNNING, "rest")
    assert set(row.state["visits"].values()) == {1}


def test_journey_that_is_not_held_is_left_alone(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    assert retry_journey(env, journey_id, BY).no_op == "not_held"
    pause_journey(env, journey_id, BY)
    assert retry_journey(env, journey_id, BY).no_op == "paused"
    assert [one.action for one in log_of(env)] == ["pause"]


def test_step_that_still_lacks_its_date_is_held_again(tmp_path: Path) -> None:
    unknown = p.WaitStep(id="w", wait=p.WaitSpec(until=p.Until(fact="run.entry.day")), next=END)
    env, journey_id = waiting(tmp_path, unknown)
    held(env, journey_id)
    retry_journey(env, journey_id, BY)
    go(env)
    assert "not known" in str(held(env, journey_id).held_reason)
    assert row_of(env, journey_id).retry is False


@pytest.mark.parametrize(
    ("status", "step", "outcome"),
    [
        (MessageStatus.SENT, "rest", None),
        (MessageStatus.UNCERTAIN, "rest", None),
        (MessageStatus.NEW, "rest", None),
        (MessageStatus.FAILED, "mail", p.COMPLETED),
    ],
)
def test_journey_held_before_it_could_take_its_turn_takes_it(
    tmp_path: Path, status: MessageStatus, step: str, outcome: str | None
) -> None:
    """Its head still says `send`: a turn that failed again and again was never committed."""
    env = environment(tmp_path, plan_of(SEND, rest(days=3)))
    journey_id = enter(env, opt_in=True).id
    settle(env, deliver=lambda *_: None)
    with env.database.write() as session:
        row = session.get_one(Enrolment, journey_id)
        row.status, row.held_reason = EnrolmentStatus.HELD, "its turn 2 failed for an hour"
        message = session.merge(mails(env)[0])
        message.status = status
        session.add_all((row, message))
    retry_journey(env, journey_id, BY)
    go(env)
    row = row_of(env, journey_id)
    assert (row.state["step"], row.outcome, row.held_reason) == (step, outcome, None)
    assert len(mails(env)) == 1
