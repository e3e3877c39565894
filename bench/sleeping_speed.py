"""Measure what sleeping journeys cost: the worker's memory, the database, and the time to start more.

    python -m bench.sleeping_speed [--journeys 10000] [--full]

Journeys are entered by hand and wait for an event. They start in tenths; each tenth is entered, and the
time runs until its first turns are committed. Memory is the largest that this process ever had: workers,
services and the bench. The database is what its pages hold more than before, so leads are not in it, and no
mail was sent. 10,000 take three minutes; `--full`: 100,000 journeys.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time

from sqlalchemy import text

from bench.load.engine import TurnTimes, running
from bench.load.ground import WAITING, add_leads, environment
from bench.results import record
from leadloop.inbox.entries.enrolling import enrol_leads
from leadloop.storage.environment import Environment

_MOST_MEMORY_MB = 400
_MOST_BYTES = 4096
_MOST_SLOWER = 1.2
_MANY, _FULL = 10_000, 100_000
_TENTHS = 10
_WARM_UP = 20
_LONGEST = 600.0
"""Seconds that one tenth may take."""


async def measure(env: Environment, journeys: int) -> tuple[list[float], float]:
    """Start the journeys; return the journeys per second of each tenth, and bytes per journey."""
    each = journeys // _TENTHS
    warm = add_leads(env, _WARM_UP, "warm")
    leads = add_leads(env, each * _TENTHS)
    times, rates = TurnTimes(), []
    with times.watched():
        async with running(env):
            await _start(env, times, warm)
            before = _pages(env)
            for number in range(_TENTHS):
                began = time.perf_counter()
                await _start(env, times, leads[number * each : (number + 1) * each])
                rates.append(each / (time.perf_counter() - began))
                print(f"  tenth {number + 1}: {rates[-1]:,.1f} journeys/s", file=sys.stderr)
            used = _pages(env) - before
    return rates, used / (each * _TENTHS)


async def _start(env: Environment, times: TurnTimes, leads: list[str]) -> None:
    """Enter leads, and wait until their journeys sleep."""
    expected = len(times.at) + len(leads)
    await asyncio.to_thread(enrol_leads, env, WAITING, leads)
    if not await asyncio.to_thread(times.wait_for, expected, _LONGEST):
        raise SystemExit(f"only {len(times.at)} of {expected} journeys began")


def _pages(env: Environment) -> int:
    """Return the bytes of the pages in use."""
    with env.database.read() as session:
        pages, free, size = (
            session.connection().execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


def _memory_mb() -> float:
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> int:
    """Measure, print, compare with the targets; 1 where one is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--journeys", type=int, default=_MANY)
    parser.add_argument("--full", action="store_true", help=f"{_FULL:,} journeys")
    arguments = parser.parse_args()
    journeys = _FULL if arguments.full else arguments.journeys
    if journeys < _TENTHS:
        parser.error(f"at least {_TENTHS} journeys")
    with environment() as env:
        rates, size = asyncio.run(measure(env, journeys))
    name = f"{journeys:,} sleeping journeys"
    record(f"{name}, started", journeys / sum(journeys / _TENTHS / one for one in rates), "1/s")
    rows = [
        record(f"{name}, memory of the worker", _memory_mb(), "MB", at_most=_MOST_MEMORY_MB),
        record(f"{name}, database each", size, "bytes", at_most=_MOST_BYTES),
        record(f"{name}, first tenth's rate / last's", rates[0] / rates[-1], "", at_most=_MOST_SLOWER),
    ]
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
