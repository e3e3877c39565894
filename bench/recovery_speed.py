"""Measure how soon journeys go on after a worker or the Temporal server was killed.

    python -m bench.recovery_speed [--rounds 5] [--journeys 20]

Real processes, killed with `kill -9`. A worker that dies has its journeys in its cache; another worker
is there, and every lead does something in that moment. The time runs until the last journey has
taken its next turn. The Temporal server is killed, every lead does something while it is away, and
the time runs from the moment at which it takes connections again. Targets: 3 and 5 seconds, for
the middle round.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.results import record
from tests.faults.conftest import running_engine
from tests.faults.server import TemporalServer
from tests.faults.world import all_wait, click_all, enter, journeys
from tests.kill.engine import Engine, wait_until

RUNNING = "leadloop worker is running"
WORKER_SECONDS, SERVER_SECONDS = 3.0, 5.0
_LONGEST = 120.0


def main() -> int:
    """Measure, print, write the rows; 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--journeys", type=int, default=20)
    given = parser.parse_args()
    worker = [_round(_worker_killed, given.journeys) for _ in range(given.rounds)]
    server = [_round(_server_killed, given.journeys) for _ in range(given.rounds)]
    good = _tell("worker killed: all journeys go on", worker, WORKER_SECONDS)
    return 0 if _tell("Temporal killed and back: all journeys go on", server, SERVER_SECONDS) and good else 1


def _tell(name: str, rounds: list[float], limit: float) -> bool:
    shown = ", ".join(f"{seconds:.2f}" for seconds in rounds)
    print(f"rounds: {shown} s")
    return record(name, statistics.median(rounds), "s", at_most=limit)["ok"]


def _round(measure: Callable[[Engine, TemporalServer, int], float], count: int) -> float:
    """Measure once, with a database and a server of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = TemporalServer(folder)
        try:
            with running_engine(folder, server.address) as engine:
                enter(engine, [f"hito{number}" for number in range(count)])
                return measure(engine, server, count)
        finally:
            server.kill()


def _worker_killed(engine: Engine, _server: TemporalServer, count: int) -> float:
    dying = _ready_worker(engine, 1)
    wait_until(lambda: all_wait(engine, count), _LONGEST, engine.log())
    _ready_worker(engine, 2)
    heads = _heads(engine)
    dying.kill()
    dying.wait()
    started = time.perf_counter()
    click_all(engine)
    return _gone_on(engine, heads) - started


def _server_killed(engine: Engine, server: TemporalServer, count: int) -> float:
    _ready_worker(engine, 1)
    wait_until(lambda: all_wait(engine, count), _LONGEST, engine.log())
    heads = _heads(engine)
    server.kill()
    click_all(engine)
    time.sleep(2)
    server.start()
    started = time.perf_counter()
    return _gone_on(engine, heads) - started


def _ready_worker(engine: Engine, number: int):  # type: ignore[no-untyped-def]
    """Start a worker, and wait until it says that it runs: the `number`th to do so."""
    worker = engine.start_worker()
    log = engine.folder / "worker.log"
    wait_until(lambda: log.read_text().count(RUNNING) >= number, _LONGEST, "the worker runs")
    return worker


def _heads(engine: Engine) -> dict[str, int]:
    return {row.id: row.turn_no for row in journeys(engine)}


def _gone_on(engine: Engine, heads: dict[str, int]) -> float:
    """Return the instant at which every journey has taken a turn that it had not taken before."""
    wait_until(
        lambda: all(head > heads[row_id] for row_id, head in _heads(engine).items()), _LONGEST, engine.log()
    )
    return time.perf_counter()


if __name__ == "__main__":
    sys.exit(main())
