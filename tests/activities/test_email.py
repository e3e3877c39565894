"""Heartbeats of sends: one thread tells of all of them, and of nothing that has ended."""

from __future__ import annotations

import contextvars
import time

import pytest
from temporalio import activity

from activities.email import Heartbeats

_NAME = contextvars.ContextVar("name", default="")


def test_heartbeats_tell_of_each_attempt_that_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(activity, "heartbeat", lambda: told.append(_NAME.get()))
    beats = Heartbeats(seconds=0.01)

    def wait_for(name: str) -> None:
        told.clear()
        give_up = time.monotonic() + 30
        while name not in told:
            assert time.monotonic() < give_up
            time.sleep(0.005)

    _NAME.set("first")
    with beats.during():
        _NAME.set("second")
        with beats.during():
            wait_for("first")
            wait_for("second")
        wait_for("first")
        assert "second" not in told
    told.clear()
    _NAME.set("third")
    with beats.during():
        wait_for("third")
    assert set(told) == {"third"}


def test_heartbeats_go_on_where_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def heartbeat() -> None:
        if _NAME.get() == "broken":
            raise RuntimeError("no activity")
        told.append(_NAME.get())

    monkeypatch.setattr(activity, "heartbeat", heartbeat)
    beats = Heartbeats(seconds=0.01)
    _NAME.set("broken")
    with beats.during():
        _NAME.set("whole")
        with beats.during():
            give_up = time.monotonic() + 30
            while len(told) < 3:
                assert time.monotonic() < give_up
                time.sleep(0.005)
    assert set(told) == {"whole"}
