"""The governor: the clock runs while the engine keeps up, waits while it does not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leadloop.clock import WarpedClock
from leadloop.demo.governor import LAG, Backlog, Governor, StalledError, Work, read_backlog
from tests.factories import NOW, make_environment, make_lead
from tests.inbox.driver import report, running, settle

START = datetime(2026, 6, 1, tzinfo=UTC)
END = START + timedelta(days=30)
FAST = 1e12


class World:
    """What the governor looks at, set by the test."""

    def __init__(self) -> None:
        self.clock = WarpedClock(START, FAST, limit=START)
        self.engine = Backlog()
        self.people: Work | None = None
        self.governor = Governor(
            self.clock, END, lambda: self.engine, lambda: self.people, stall_seconds=0.05
        )

    def look(self) -> datetime:
        """Look once, and give the clock the time to reach its limit."""
        self.governor.look()
        reached = self.clock.now()
        while (later := self.clock.now()) != reached:
            reached = later
        return reached


def test_governor_stops_the_clock_soon_after_the_oldest_work() -> None:
    world = World()
    world.engine = Backlog((Work(START + timedelta(minutes=5), "event to apply"),))
    assert world.look() == START + timedelta(minutes=5) + LAG
    assert world.look() == START + timedelta(minutes=5) + LAG


def test_governor_lets_the_clock_go_on_once_the_work_is_done() -> None:
    world = World()
    world.engine = Backlog((Work(START, "event to apply"),))
    world.look()
    world.engine = Backlog((Work(START + timedelta(days=2), "wait that ends"),))
    assert world.look() == START + timedelta(days=2) + LAG


def test_governor_waits_for_people_too() -> None:
    world = World()
    world.people = Work(START + timedelta(minutes=1), "mail that nobody looked at")
    assert world.look() == START + timedelta(minutes=1) + LAG


def test_governor_holds_the_clock_for_work_whose_age_is_not_recorded() -> None:
    world = World()
    world.engine = Backlog(undated=1)
    assert world.look() == START + LAG
    assert world.look() == START + LAG


def test_governor_is_at_rest_only_at_the_end_with_nothing_left_to_do() -> None:
    world = World()
    world.people = Work(END, "ViewPages of the people")
    world.look()
    world.look()
    assert not world.governor.at_rest
    world.people = None
    for _ in range(40):
        world.look()
    assert world.clock.now() == END
    assert world.governor.at_rest


def test_governor_says_what_is_stuck() -> None:
    world = World()
    world.engine = Backlog((Work(START, "mail to hand over or first turn"),))
    world.look()
    world.look()
    threading.Event().wait(0.1)
    with pytest.raises(StalledError, match="mail to hand over"):
        world.look()


def test_backlog_names_unapplied_events_then_mails_then_waits(tmp_path: Path) -> None:
    env = make_environment(tmp_path)
    with env.database.write() as session:
        lead = make_lead(session, env)
    assert read_backlog(env) == Backlog()
    report(env, "form_submitted", lead_id=lead.id, properties={"form": "whitepaper"}, source="form")
    assert read_backlog(env).works == (Work(NOW, "event to apply"),)
    settle(env)
    (journey,) = running(env)
    assert journey.due_at is not None
    assert read_backlog(env).works == (
        Work(NOW, "wake to send"),  # there is no relay here
        Work(journey.due_at, "wait that ends"),
    )
