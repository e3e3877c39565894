"""Workers killed with `kill -9`: nobody gets a mail twice, and nothing is lost silently."""

from __future__ import annotations

import random
import time

from sqlmodel import col, select

from leadloop.failpoints import EXIT_CODE
from leadloop.inbox.doctor import examine
from leadloop.storage.tables import Enrolment, Message, MessageStatus
from tests.inbox.driver import ask_for_the_paper, click_all
from tests.kill.engine import Engine, wait_until

JOURNEYS = 50
KILLS = 3
TERMINAL = (
    MessageStatus.SENT,
    MessageStatus.SKIPPED,
    MessageStatus.FAILED,
    MessageStatus.UNCERTAIN,
)


def _messages(engine: Engine) -> list[Message]:
    with engine.env.database.read() as session:
        return list(session.exec(select(Message)).all())


def _journeys(engine: Engine) -> list[Enrolment]:
    with engine.env.database.read() as session:
        return list(session.exec(select(Enrolment).order_by(col(Enrolment.id))).all())


def _all_wait(engine: Engine, count: int) -> bool:
    rows = _journeys(engine)
    return len(rows) == count and all(row.next.get("kind") in ("wait", "end") for row in rows)


def _all_done(engine: Engine) -> bool:
    return all(row.next.get("kind") == "end" for row in _journeys(engine))


def _wait_for_another_mail(engine: Engine) -> None:
    wanted = len(engine.sink.received) + 1
    wait_until(lambda: len(engine.sink.received) >= wanted, 20, "a mail: " + engine.log())


def test_p1_worker_killed_at_random_sends_nothing_twice(engine: Engine) -> None:
    pause = random.Random(20261122)
    ask_for_the_paper(engine.env, *(f"hito{number}" for number in range(JOURNEYS)))
    for kill in range(KILLS):
        worker = engine.start_worker()
        _wait_for_another_mail(engine)
        time.sleep(pause.uniform(0, 0.4))
        worker.kill()
        worker.wait()
        if kill == 1:
            click_all(engine.env)
        if _all_wait(engine, JOURNEYS):
            click_all(engine.env)
    engine.start_worker()
    wait_until(lambda: _all_wait(engine, JOURNEYS), 110, "all wait: " + engine.log())
    click_all(engine.env)
    wait_until(lambda: _all_done(engine), 110, "all ended: " + engine.log())
    messages = _messages(engine)
    uncertain = [row.id for row in messages if row.status == MessageStatus.UNCERTAIN]
    received = engine.sink.received
    assert {row.id: row.status for row in messages if row.status not in TERMINAL} == {}
    assert {message_id: times for message_id, times in received.items() if times > 1} == {}
    # `click_all` clicks what did not arrive too, and a click proves that an uncertain mail was sent.
    unproven = {row.id for row in messages if row.status == MessageStatus.SENT and row.clicked_at is None}
    assert unproven <= received.keys()
    assert received.keys() <= {row.id for row in messages if row.status == MessageStatus.SENT} | {*uncertain}
    assert len({(row.enrolment_id, row.step_id, row.visit) for row in messages}) == 2 * JOURNEYS
    assert {row.outcome for row in _journeys(engine)} == {"completed"}
    assert examine(engine.env).problems == []


FAILPOINTS = {
    "after_claim": (0, MessageStatus.UNCERTAIN),
    "after_data": (1, MessageStatus.UNCERTAIN),
    "after_250": (1, MessageStatus.UNCERTAIN),
    "before_record": (1, MessageStatus.UNCERTAIN),
    "after_record": (1, MessageStatus.SENT),
    "before_claim": (1, MessageStatus.SENT),  # last: no other dying worker may take it over
}
"""Where a worker dies -> how often the mail arrives, and what its row says in the end."""


def test_p2_worker_killed_at_a_failpoint_never_sends_two(engine: Engine) -> None:
    died: dict[str, str] = {}
    for fail_at in FAILPOINTS:
        known = {row.id for row in _journeys(engine)}
        ask_for_the_paper(engine.env, fail_at)
        worker = engine.start_worker(fail_at)
        assert worker.wait(30) == EXIT_CODE, engine.log()
        (journey,) = (row for row in _journeys(engine) if row.id not in known)
        died[fail_at] = journey.id
    engine.start_worker()
    wait_until(lambda: _all_wait(engine, len(FAILPOINTS)), 40, "all go on: " + engine.log())
    by_journey = {row.enrolment_id: row for row in _messages(engine)}
    found = {
        fail_at: (engine.sink.received[by_journey[journey].id], by_journey[journey].status)
        for fail_at, journey in died.items()
    }
    assert found == FAILPOINTS
