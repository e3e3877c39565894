"""Events that come thick and fast: each is counted once, none is missed, and a wait is woken once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from leadloop.inbox import waits
from leadloop.inbox.applier import apply_lead
from leadloop.inbox.doctor import examine
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, LeadScore
from tests.factories import ManualClock, make_environment, make_publication
from tests.inbox.driver import journeys, report, settle, turn
from tests.inbox.played import END, ONE_DAY, enter, plan_of, row_of, to

VIEW = p.EventMatch(event="page_viewed")


def _awaiting(step_id: str, go: p.Target, since: str | None = None) -> p.AwaitStep:
    return p.AwaitStep(
        id=step_id,
        branches=(p.Branch(match=VIEW, go=go, since=since),),
        timeout=p.WaitSpec(span=ONE_DAY),
        on_timeout=p.Target(exit=f"{step_id} timed out"),
    )


@pytest.mark.parametrize("count", [300, pytest.param(12_000, marks=pytest.mark.fault)], ids=["quick", "full"])
def test_t2_flood_of_one_lead_is_stored_capped_and_wakes_once(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    plan = plan_of(_awaiting("first", to("second")), _awaiting("second", END))
    env = make_environment(tmp_path, make_publication(plans={"play": plan}), clock)
    journey = enter(env)
    settle(env)
    asked: list[str] = []

    def counting(session: Any, enrolment_id: str, *rest: Any) -> None:
        asked.append(enrolment_id)

    monkeypatch.setattr(waits, "ask_wake", counting)
    for start in range(0, count, 100):
        batch = [
            IncomingEvent(
                "page_viewed", lead_id=journey.lead_id, properties={"path": "/"}, external_id=f"e{number}",
                source="api",
            )
            for number in range(start, min(start + 100, count))
        ]  # fmt: skip
        with env.database.write() as session:
            assert {result.status for result in ingest(session, env, batch)} == {"accepted"}
        apply_lead(env, journey.lead_id)
    assert asked == [journey.id]
    with env.database.read() as session:
        seqs = session.exec(select(Event.lead_seq).where(Event.type == "page_viewed")).all()
        score = session.exec(select(LeadScore.points).where(LeadScore.lead_id == journey.lead_id)).one()
    assert len(set(seqs)) == len(seqs) == count
    assert score == 100  # the model's cap, not 3 points for each
    assert turn(env, journey.id, 2).status == "committed"
    assert turn(env, journey.id, 3).status == "not_yet"  # the second wait saw none of them
    assert examine(env).problems == []
    env.database.close()


@pytest.mark.parametrize("rounds", [10, pytest.param(500, marks=pytest.mark.fault)], ids=["quick", "full"])
def test_t3_event_that_comes_while_a_wait_is_armed_counts_once(
    tmp_path: Path, clock: ManualClock, url: str, rounds: int
) -> None:
    """The first wait looks back to the entry, so the event counts there, and in no other wait."""
    plan = plan_of(_awaiting("first", to("second"), since="entry"), _awaiting("second", END))
    env = make_environment(tmp_path, make_publication(plans={"play": plan}), clock, url)
    pauses = random.Random(4)
    for _ in range(rounds):
        journey = enter(env)
        _both(
            partial(_after, pauses.uniform(0, 0.004), partial(turn, env, journey.id, 1)),
            partial(_after, pauses.uniform(0, 0.004), partial(_view, env, journey.lead_id)),
        )
        _take_turns(env, journey.id)
        row = row_of(env, journey.id)
        assert (row.state["step"], row.turn_no) in {("second", 1), ("second", 2)}
    clock.advance(days=1)
    for journey in journeys(env):
        _take_turns(env, journey.id)
    assert {row.outcome for row in journeys(env)} == {"second timed out"}
    env.database.close()


def _view(env: Environment, lead_id: str) -> None:
    report(env, "page_viewed", lead_id=lead_id, properties={"path": "/"}, source="tracking")
    apply_lead(env, lead_id)


def _take_turns(env: Environment, enrolment_id: str) -> None:
    while turn(env, enrolment_id, row_of(env, enrolment_id).turn_no + 1).status == "committed":
        if row_of(env, enrolment_id).next["kind"] == "end":
            return


def _after(seconds: float, work: Callable[[], Any]) -> None:
    time.sleep(seconds)
    work()


def _both(*works: Callable[[], Any]) -> None:
    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(work) for work in works]:
            future.result()
