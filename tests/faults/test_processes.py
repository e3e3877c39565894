"""Web servers, relays and workers that die or stand still (P1, P4, P5, P7, P8)."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import Envelope, Session
from sqlmodel import select

from leadloop.failpoints import EXIT_CODE
from leadloop.storage.tables import LeadScore, MessageStatus, Wake
from tests.faults.checker import Answer, violations
from tests.faults.conftest import running_engine
from tests.faults.events import visit
from tests.faults.world import all_wait, click_all, enter, finish, journeys, messages, observe
from tests.inbox.driver import settle
from tests.kill.engine import Engine, SlowSink, wait_until

KILLS = 500


@pytest.mark.fault
def test_p1_worker_killed_500_times_sends_nothing_twice(engine: Engine) -> None:
    """Two workers under load; one of them dies at a random moment after a mail, again and again."""
    pause = random.Random(20261122)
    workers = [engine.start_worker(), engine.start_worker()]
    answers: list[Answer] = []
    entered = 0
    for kill in range(KILLS):
        answers += enter(engine, [f"hito{entered + number}" for number in range(3)])
        entered += 3
        wanted = len(engine.sink.received) + 1
        wait_until(lambda: len(engine.sink.received) >= wanted, 90, engine.log())  # noqa: B023
        time.sleep(pause.uniform(0, 0.4))
        workers[kill % 2].kill()
        workers[kill % 2].wait()
        workers[kill % 2] = engine.start_worker()
        if kill % 20 == 0:
            answers += click_all(engine)
    answers += finish(engine, entered, 600)
    assert violations(observe(engine, answers, entered)) == []
    uncertain = [row for row in messages(engine) if row.status == MessageStatus.UNCERTAIN]
    print(f"{KILLS} kills, {entered} journeys, {len(uncertain)} mails uncertain and listed")
    assert len(uncertain) < KILLS


def test_p4_web_server_killed_before_its_answer_counts_the_event_once(engine: Engine) -> None:
    dying, url = engine.start_web("before_answer")
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{url}/v1/events", json=visit("taro", "visit-1"), timeout=30)
    assert dying.wait(30) == EXIT_CODE
    _, url = engine.start_web()
    again = httpx.post(f"{url}/v1/events", json=visit("taro", "visit-1"), timeout=30)
    assert (again.status_code, again.json()["duplicate"]) == (202, True)
    settle(engine.env)
    with engine.env.database.read() as session:
        assert session.exec(select(LeadScore.points)).all() == [3]
    told = [Answer("duplicate", again.json()["event"], "visit-1")]
    assert violations(observe(engine, told, 0)) == []


def test_p5_relay_killed_before_it_notes_the_wake_wakes_again_without_harm(engine: Engine) -> None:
    answers = enter(engine, ["ichiro", "jiro"])
    died = engine.start_worker("after_signal")
    assert died.wait(60) == EXIT_CODE, engine.log()
    with engine.env.database.read() as session:
        assert session.exec(select(Wake)).first() is not None  # the wake was sent, and is still asked for
    engine.start_worker()
    answers += finish(engine, 2)
    assert violations(observe(engine, answers, 2)) == []
    assert {row.outcome for row in journeys(engine)} == {"completed"}
    assert {row.generation for row in journeys(engine)} == {1}
    assert sum(engine.sink.received.values()) == 4


class HoldingSink(SlowSink):
    """Takes the first mail and answers only when it is let go."""

    def __init__(self) -> None:
        self.holds, self.let_go = threading.Event(), threading.Event()
        super().__init__()

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        if not self.holds.is_set():
            self.holds.set()
            await asyncio.to_thread(self.let_go.wait, 120)
        return answer


@pytest.mark.fault
@pytest.mark.parametrize("let_go_first", [True, False], ids=["answered", "still-waiting"])
def test_p7_stopped_worker_that_wakes_up_hands_nothing_over_twice(
    tmp_path: Path, temporal: str, let_go_first: bool
) -> None:
    """A worker stands still between the end of a mail and its answer, longer than its heartbeat allows.

    Another calls the mail uncertain and goes on. What the first one then writes about it is allowed by
    its claim alone: proof that the mail was taken. It sends nothing, and the journey is where it was.
    """
    sink = HoldingSink()
    with running_engine(tmp_path, temporal, sink=sink) as engine:
        answers = enter(engine, ["ichiro"])
        zombie = engine.start_worker()
        assert sink.holds.wait(60), engine.log()
        zombie.send_signal(signal.SIGSTOP)
        if let_go_first:
            sink.let_go.set()
        engine.start_worker()
        wait_until(lambda: all_wait(engine, 1), 90, f"the journey goes on: {engine.log()}")
        (before,) = messages(engine)
        head = journeys(engine)[0].turn_no
        zombie.send_signal(signal.SIGCONT)
        sink.let_go.set()
        wait_until(lambda: messages(engine)[0].status == MessageStatus.SENT, 60, "the proof is written")
        assert (before.status, before.reason) == (MessageStatus.UNCERTAIN, "attempt_died")
        assert journeys(engine)[0].turn_no == head
        answers += finish(engine, 1)
        assert violations(observe(engine, answers, 1)) == []
        assert sorted(sink.received.values()) == [1, 1]


def test_p8_two_workers_on_one_database_make_no_duplicates(tmp_path: Path, temporal: str, url: str) -> None:
    """Each brings its own applier, relay, timers and sweeper."""
    names = [f"hito{number}" for number in range(15)]  # so many that each worker gets some
    with running_engine(tmp_path, temporal, url) as engine:
        workers = [engine.start_worker(), engine.start_worker()]
        answers = enter(engine, names)
        answers += enter(engine, names)  # the same ids once more
        answers += finish(engine, len(names))
        answers += click_all(engine)
        seen = observe(engine, answers, len(names))
        assert violations(seen) == []
        twice = 2 * len(names)
        assert Counter(answer.status for answer in answers) == {"accepted": twice, "duplicate": twice}
        assert sum(engine.sink.received.values()) == twice
        histories = "".join(seen.texts.values())
        assert all(f'"{worker.pid}@' in histories for worker in workers)  # both took part
