"""The checker finds pauses that are not kept, clocks that run, and mails that left all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from leadloop.inbox.doctor import examine
from leadloop.inbox.operations.commands import pause_journey
from leadloop.inbox.operations.scenarios import pause_scenario, resume_scenario
from leadloop.inbox.operations.sending import start_sending, stop_sending
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus
from tests.factories import NOW
from tests.inbox.driver import mails
from tests.inbox.operations.plays import BY, SEND, advance, go, waiting
from tests.inbox.played import enter, environment, plan_of, rest


def problems(env: Environment, check: str) -> list[str]:
    return [one for one in examine(env).problems if one.startswith(f"{check}:")]


def _running(row: Enrolment) -> None:
    row.status = EnrolmentStatus.RUNNING


def _no_cause(row: Enrolment) -> None:
    row.stops = {}


def _due(row: Enrolment) -> None:
    row.due_at = NOW + timedelta(days=5)


def _clock_runs(row: Enrolment) -> None:
    row.locked_at, row.due_at = None, NOW + timedelta(days=5)


@pytest.mark.parametrize(
    ("damage", "check", "text"),
    [
        (_running, "pauses_are_kept", "running, paused by journey"),
        (_no_cause, "pauses_are_kept", "paused, paused by nobody"),
        (_no_cause, "clocks_run", "nothing stops it"),
        (_due, "clocks_run", "but it has a due time"),
        (_clock_runs, "clocks_run", "something stops its clock, but it runs"),
    ],
)
def test_broken_pause_is_found(
    tmp_path: Path, damage: Callable[[Enrolment], None], check: str, text: str
) -> None:
    env, journey_id = waiting(tmp_path)
    pause_journey(env, journey_id, BY, "freeze")
    assert examine(env).ok
    with env.database.write() as session:
        row = session.get_one(Enrolment, journey_id)
        damage(row)
        session.add(row)
    (problem,) = problems(env, check)
    assert text in problem


@pytest.mark.parametrize("whole", [False, True], ids=["scenario", "all"])
def test_mail_that_left_while_it_was_stopped_is_found(tmp_path: Path, whole: bool) -> None:
    env = environment(tmp_path, plan_of(SEND, rest()))
    stop_sending(env, BY) if whole else pause_scenario(env, "play", BY)
    advance(env, hours=1)
    start_sending(env, BY) if whole else resume_scenario(env, "play", BY)
    enter(env, opt_in=True)
    go(env)
    assert problems(env, "stops_were_obeyed") == []
    with env.database.write() as session:
        mail = session.merge(mails(env)[0])
        mail.claimed_at = NOW + timedelta(minutes=30)
        session.add(mail)
    (problem,) = problems(env, "stops_were_obeyed")
    assert mails(env)[0].id in problem
