"""Measure how many events the applier applies in a second, in one process.

    python -m bench.applier_speed [--leads 600] [--rounds 3] [--full] [--profile FILE]

Ten scoring rules and five scenarios are published, and a fifth of the leads has a journey that waits for
an event or for a condition. Each round is one event for every lead, so that every transaction of the
applier applies one event: the least favourable case. A last round has five events for each of a fifth of
the leads, as a backlog has. Accepting the events is not in the time. SQLite commits with fsync; PostgreSQL
(`TEST_DATABASE_URL`, else the system's programs) is measured where there is one. `--full`: ten times the
leads, to be compared with the default size.
"""

from __future__ import annotations

import argparse
import cProfile
import random
import statistics
import sys
import time
from typing import Any, NamedTuple

from bench.load.ground import add_leads, apply_all, environment, let_wait, report
from bench.results import Row, record
from leadloop.inbox.ingestion.ingest import IncomingEvent
from leadloop.storage.environment import Environment
from tests.storage.postgres import PostgresMissingError, fresh_database, postgres_server

_TARGET = 1000
_WAITING = 5
"""One lead in so many waits."""
_BATCH = 5
_KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("page_viewed", {"path": "/"}),
    ("page_viewed", {"path": "/pricing"}),
    ("page_viewed", {"path": "/case/1"}),
    ("document_viewed", {"document": "guide", "pages": 3}),
    ("email_clicked", {}),
    ("form_submitted", {"form": "whitepaper"}),
)


def some_event(chance: random.Random, lead_id: str) -> IncomingEvent:
    """Return what one person does next."""
    kind, properties = chance.choice(_KINDS)
    return IncomingEvent(kind, dict(properties), lead_id=lead_id)


def measure(
    env: Environment, where: str, leads: int, rounds: int, profile: cProfile.Profile | None
) -> list[Row]:
    """Fill the database, then apply the rounds."""
    chance = random.Random(1)
    ids = add_leads(env, leads)
    let_wait(env, ids[::_WAITING])
    found = []
    for number in range(rounds):
        report(env, [some_event(chance, one) for one in ids])
        found.append(_apply(env, profile))
        print(f"  round {number + 1}: {found[-1].rate:,.0f} events/s", file=sys.stderr)
    report(env, [some_event(chance, one) for one in ids[: leads // _BATCH] for _ in range(_BATCH)])
    batched = _apply(env, None)
    size = f"{where}, {leads:,} leads"
    rate = statistics.median(one.rate for one in found)
    processor = statistics.median(one.processor for one in found)
    return [
        record(f"applier, one event a lead: {size}", rate, "1/s", at_least=_TARGET),
        record(f"applier, processor per event: {size}", processor * 1000, "ms"),
        record(f"applier, {_BATCH} events a lead: {size}", batched.rate, "1/s"),
    ]


class Applied(NamedTuple):
    """Events per second on the clock, and seconds of this process's processor per event."""

    rate: float
    processor: float


def _apply(env: Environment, profile: cProfile.Profile | None) -> Applied:
    began, used = time.perf_counter(), time.process_time()
    if profile is not None:
        profile.enable()
    applied = apply_all(env)
    if profile is not None:
        profile.disable()
    return Applied(applied / (time.perf_counter() - began), (time.process_time() - used) / applied)


def main() -> int:
    """Measure, print, compare with the target; 1 where it is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--leads", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="ten times the leads")
    parser.add_argument("--profile", metavar="FILE", help="write a profile of SQLite's rounds, for pstats")
    arguments = parser.parse_args()
    leads = arguments.leads * (10 if arguments.full else 1)
    profile = cProfile.Profile() if arguments.profile else None
    with environment() as env:
        rows = measure(env, "SQLite", leads, arguments.rounds, profile)
    if profile is not None:
        profile.dump_stats(arguments.profile)
        return 0
    try:
        with postgres_server() as server, fresh_database(server) as url, environment(url) as env:
            rows += measure(env, "PostgreSQL", leads, arguments.rounds, None)
    except PostgresMissingError as error:
        print(f"PostgreSQL is not measured: {error}")
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
