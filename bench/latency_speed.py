"""Measure how long it takes from an accepted event to the commit of the turn that it causes.

    python -m bench.latency_speed [--rate 100] [--seconds 20]

Journeys wait for a page view, one after the other; at the given rate each event goes to the next journey.
The time runs from the commit of the event (the API's answer) to the commit of the journey's next turn, and on
to the moment at which the journey's workflow hears of it. The dev server, the worker, the services and the
load run on the same cores; the database is SQLite with fsync. Where the engine does not keep up, events hold
back until a journey waits, and the rate that was kept is told.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

from sqlmodel import col, select

from bench.load.engine import HeardTimes, TurnTimes, running
from bench.load.ground import add_leads, environment
from bench.results import record
from leadloop.inbox.entries.enrolling import enrol_leads
from leadloop.inbox.ingestion.group_commit import GroupCommit
from leadloop.inbox.ingestion.ingest import IncomingEvent, IngestResult
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment

_TARGET_MS = 500
_EVENTS_EACH = 10
"""Events that one journey waits for."""
_LONGEST = 120.0
"""Seconds that the journeys' start, and what is left after the last event, may take."""
_LOOK_SECONDS = 0.005
_NEARLY = 0.95
"""So much of the rate must have been kept, else the latency is that of a lower one."""
CHAIN = "chain"


class Journey(NamedTuple):
    """A journey that waits, and whose it is."""

    id: str
    lead_id: str


def chain(length: int) -> str:
    """Return a scenario that waits for so many page views."""
    lines = [
        f"scenario: {CHAIN}",
        "title: 待機の連続",
        "topic: service",
        "entry:",
        "  - {manual: true}",
        "steps:",
    ]
    for number in range(length):
        lines += [
            f"  - id: wait-{number}",
            f"    await: [{{event: page_viewed, path: /next, go: wait-{number + 1}}}]",
            "    timeout: never",
        ]
    return "\n".join([*lines, f"  - id: wait-{length}", "    tag: seen", ""])


class Found(NamedTuple):
    """What was measured."""

    turns: list[float]
    """Seconds until each turn, sorted."""
    heard: list[float]
    """Seconds until each workflow heard of it and went on, sorted."""
    events: int
    """So many were reported."""
    rate: float
    """Events accepted per second."""


async def measure(env: Environment, rate: int, seconds: int) -> Found:
    """Report events, and wait for their turns and workflows."""
    leads = add_leads(env, -(-rate * seconds // _EVENTS_EACH))
    enrol_leads(env, CHAIN, leads)
    with env.database.read() as session:
        rows = session.exec(select(Enrolment).order_by(col(Enrolment.id))).all()
    journeys = [Journey(row.id, row.lead_id) for row in rows]
    times, heard, accepted = TurnTimes(), HeardTimes(), dict[tuple[str, int], float]()
    with times.watched(), heard.watched():
        async with running(env):
            if not await asyncio.to_thread(times.wait_for, len(journeys), _LONGEST):
                raise SystemExit(f"only {len(times.at)} of {len(journeys)} journeys began")
            began = time.perf_counter()
            count = await _report(env, journeys, times, rate, seconds, accepted)
            took = max(seconds, time.perf_counter() - began)
            await asyncio.to_thread(times.wait_for, len(journeys) + count, _LONGEST)
            # Of a journey's last turn its workflow shows nothing.
            going_on = {key: at for key, at in accepted.items() if key[1] <= _EVENTS_EACH}
            await asyncio.to_thread(heard.wait_for, going_on, _LONGEST)
    turns = sorted(times.at[key] - at for key, at in accepted.items() if key in times.at)
    told = sorted((heard.of(*key) or at + _LONGEST) - at for key, at in going_on.items())
    return Found(turns, told, count, count / took)


async def _report(
    env: Environment,
    journeys: list[Journey],
    times: TurnTimes,
    rate: int,
    seconds: int,
    accepted: dict[tuple[str, int], float],
) -> int:
    """Report events at a steady rate, each to a journey that waits; return how many.

    What happened before a journey came to a wait does not count for it, so that an event holds back
    while no journey waits.
    """
    inbox = GroupCommit(env, inbox_limit=100_000)

    def note(key: tuple[str, int], done: Future[list[IngestResult]]) -> None:
        done.result()
        accepted[key] = time.perf_counter()

    began, waiting = time.perf_counter(), []
    queue = deque((journey, 1) for journey in journeys)
    for number in range(rate * seconds):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        journey, turn_no = queue.popleft()
        while (  # noqa: ASYNC110
            (journey.id, turn_no) not in times.at and time.perf_counter() < began + seconds
        ):
            await asyncio.sleep(_LOOK_SECONDS)
        if time.perf_counter() >= began + seconds:
            break
        future = inbox.submit([IncomingEvent("page_viewed", {"path": "/next"}, lead_id=journey.lead_id)])
        future.add_done_callback(partial(note, (journey.id, turn_no + 1)))
        waiting.append(asyncio.wrap_future(future))
        queue.append((journey, turn_no + 1))
    await asyncio.gather(*waiting)
    return len(waiting)


def _part(found: list[float], part: float, count: int) -> float:
    """Return the milliseconds that so many of the events took; one that never came counts as the slowest."""
    slowest = found + [_LONGEST] * (count - len(found))
    return slowest[min(len(slowest) - 1, int(len(slowest) * part))] * 1000


def main() -> int:
    """Measure, print, compare with the target; 1 where it is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=int, default=100, help="events per second")
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    with environment(scenarios={CHAIN: chain(_EVENTS_EACH)}) as env:
        found = asyncio.run(measure(env, arguments.rate, arguments.seconds))
    if len(found.turns) < 2:
        raise SystemExit(f"{len(found.turns)} of {found.events} turns were taken")
    at = f"at {arguments.rate} events/s"
    record(f"event to turn, median {at}", statistics.median(found.turns) * 1000, "ms")
    record(f"event to workflow, median {at}", _part(found.heard, 0.5, len(found.heard)), "ms")
    record(f"event to workflow, p95 {at}", _part(found.heard, 0.95, len(found.heard)), "ms")
    rows = [
        record(f"event to turn, rate kept {at}", found.rate, "1/s", at_least=_NEARLY * arguments.rate),
        record(f"event to turn, turns that came {at}", len(found.turns) / found.events, "", at_least=1.0),
        record(f"event to turn, p95 {at}", _part(found.turns, 0.95, found.events), "ms", at_most=_TARGET_MS),
    ]
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
