"""The kill switch: no mail leaves while it is on; what it held goes on by itself when it is lifted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from leadloop.inbox.operations.loop import run_operations
from leadloop.inbox.operations.sending import read_sending, start_sending, stop_sending
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus, MessageStatus
from tests.factories import NOW
from tests.inbox.driver import journeys, mails, settle
from tests.inbox.operations.plays import BY, SEND, advance, claim_and_send, go, log_of
from tests.inbox.played import enter, environment, plan_of, rest


def stopped(tmp_path: Path, people: int = 3) -> Environment:
    """Return an environment whose journeys hold their mails under the switch."""
    env = environment(tmp_path, plan_of(SEND, rest(days=3)))
    assert stop_sending(env, BY).no_op is None
    for _ in range(people):
        enter(env, opt_in=True)
    go(env)
    return env


def test_next_claim_obeys_the_switch_and_journeys_stay_running(tmp_path: Path) -> None:
    env = stopped(tmp_path)
    assert {(one.status, one.reason) for one in mails(env)} == {(MessageStatus.HELD, "kill_switch")}
    assert {one.status for one in journeys(env)} == {EnrolmentStatus.RUNNING}
    advance(env, hours=5)  # asked for again and again, and held each time
    assert {one.status for one in mails(env)} == {MessageStatus.HELD}
    with env.database.read() as session:
        sending = read_sending(session)
    assert (sending.stopped, sending.by, sending.held) == (True, "sato", 3)


def test_mails_go_at_once_when_the_switch_is_lifted(tmp_path: Path) -> None:
    env = stopped(tmp_path)
    env.clock.advance(minutes=1)  # type: ignore[attr-defined]
    start_sending(env, BY)
    go(env)
    assert [one.sent_at for one in mails(env)] == [NOW + timedelta(minutes=1)] * 3
    assert len(mails(env)) == 3
    assert [one.action for one in log_of(env)] == ["stop_sending", "start_sending"]


def test_release_goes_on_after_a_crash_and_ends(tmp_path: Path) -> None:
    env = stopped(tmp_path)
    start_sending(env, BY)
    assert run_operations(env, limit=1) == 1  # and the process dies here
    go(env)
    assert {one.status for one in mails(env)} == {MessageStatus.SENT}
    advance(env, minutes=2)
    assert run_operations(env) == 0


def test_claim_that_saw_the_switch_as_it_was_lifted_is_released_too(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(SEND, rest(days=3)))
    enter(env, opt_in=True)
    settle(env, deliver=lambda *_: None)
    stop_sending(env, BY)
    claim_and_send(env, mails(env)[0].id)
    start_sending(env, BY)
    settle(env, deliver=lambda *_: None)
    assert mails(env)[0].status == MessageStatus.HELD
    go(env)
    assert mails(env)[0].status == MessageStatus.SENT


def test_switch_that_is_there_already_changes_nothing(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(rest()))
    assert start_sending(env, BY).no_op == "not_stopped"
    stop_sending(env, BY)
    assert stop_sending(env, BY).no_op == "already_stopped"
    assert len(log_of(env)) == 1


def test_release_does_not_hurry_mails_that_something_else_holds(tmp_path: Path) -> None:
    env = stopped(tmp_path, people=1)
    with env.database.write() as session:
        (mail,) = mails(env)
        mail.reason = "caps"
        session.merge(mail)
    start_sending(env, BY)
    go(env)
    assert mails(env)[0].status == MessageStatus.HELD
