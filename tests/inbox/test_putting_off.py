"""One broken journey does not hold up the others of a loop."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from leadloop.inbox.operations import scenarios
from leadloop.inbox.operations.log import Caller
from leadloop.inbox.operations.scenarios import pause_scenario, resume_scenario, settle_scenarios
from leadloop.inbox.relaying.putting_off import PutOff
from leadloop.storage.tables import EnrolmentStatus
from tests.inbox.driver import journeys, settle
from tests.inbox.played import enter, environment, plan_of, rest


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def fail() -> None:
    raise ValueError("broken")


def away() -> None:
    raise OperationalError("SELECT", None, Exception("gone"))


def test_put_off_row_is_tried_again_after_a_minute() -> None:
    seconds = Seconds()
    put_off = PutOff("loop", seconds)
    assert not put_off.attempt("a", fail)
    assert put_off.attempt("b", lambda: None)
    assert put_off.ids() == ["a"]
    seconds.now = 61
    assert put_off.ids() == []


def test_put_off_does_not_blame_a_row_for_the_database() -> None:
    put_off = PutOff("loop")
    with pytest.raises(OperationalError):
        put_off.attempt("a", away)
    assert put_off.ids() == []


def test_resuming_a_scenario_reaches_those_behind_a_broken_journey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = environment(tmp_path, plan_of(rest()))
    ids = [enter(env, email=f"p{number}@kaisha.example").id for number in range(3)]
    settle(env)
    caller = Caller("tests")
    pause_scenario(env, "play", caller)
    while settle_scenarios(env):
        pass
    resume_scenario(env, "play", caller)
    usual = scenarios._settle_one

    def settle_one(env_: object, enrolment_id: str, lead_id: str) -> None:
        if enrolment_id == ids[0]:
            raise ValueError("broken")
        usual(env, enrolment_id, lead_id)

    monkeypatch.setattr(scenarios, "_put_off", PutOff("test"))
    monkeypatch.setattr(scenarios, "_settle_one", settle_one)
    for _ in range(3):
        settle_scenarios(env, limit=1)
    status = {row.id: row.status for row in journeys(env)}
    assert [status[one] for one in ids] == [
        EnrolmentStatus.PAUSED, EnrolmentStatus.RUNNING, EnrolmentStatus.RUNNING
    ]  # fmt: skip
    monkeypatch.setattr(scenarios, "_put_off", PutOff("test"))  # a minute later, and mended
    monkeypatch.setattr(scenarios, "_settle_one", usual)
    while settle_scenarios(env):
        pass
    assert {row.status for row in journeys(env)} == {EnrolmentStatus.RUNNING}
