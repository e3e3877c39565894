"""Measure whether the applier slows down as the database grows: ten thousand leads against very many.

    python -m bench.growth_speed [--leads 100000] [--full] [--rounds 5]

Two PostgreSQL databases, both with fsync: one with 10,000 leads and 200,000 events, one with 100,000 leads
and two million events (`--full`: one million leads and 20 million events, about 20 GB of disk). A fifth of
the leads has a journey that waits. The rounds are measured in turn, so that what else the machine does
meets both: each is one event for 1,000 leads who are drawn from all. Accepting them is not in the time.
Needs the system's PostgreSQL, or `TEST_DATABASE_URL` with a superuser.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from sqlalchemy import text
from sqlmodel import select

from bench.applier_speed import some_event
from bench.load.copies import multiply
from bench.load.ground import add_leads, apply_all, environment, let_wait, report
from bench.results import record
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead
from tests.storage.postgres import PostgresMissingError, fresh_database, postgres_server

_TARGET = 0.7
_SMALL = 10_000
_LARGE = 100_000
_FULL = 1_000_000
_MADE = 50
"""Leads that the engine itself writes; the others are copies of them."""
_EVENTS = 20
"""Events of each lead."""
_WAITING = 5
_ACTING = 1000


class Round(NamedTuple):
    """Events per second on the clock, and seconds of this process's processor per event."""

    rate: float
    processor: float


class Grown(NamedTuple):
    """One database: its environment, its leads' ids, the rounds that were measured."""

    env: Environment
    leads: list[str]
    rounds: list[Round]


@contextmanager
def grown(server: str, leads: int) -> Iterator[Grown]:
    """Make a database with so many leads while the block runs."""
    began = time.perf_counter()
    chance = random.Random(1)
    with fresh_database(server) as url, environment(url) as env:
        made = add_leads(env, _MADE)
        let_wait(env, made[::_WAITING])
        for _ in range(_EVENTS):
            report(env, [some_event(chance, one) for one in made])
            apply_all(env)
        multiply(env.database, leads // _MADE - 1)
        with env.database.read() as session:
            ids = list(session.exec(select(Lead.id)).all())
        print(f"  {len(ids):,} leads after {time.perf_counter() - began:.0f} s", file=sys.stderr)
        yield Grown(env, ids, [])


def play_round(one: Grown, chance: random.Random) -> None:
    """Report an event for some leads, and measure how they are applied."""
    report(one.env, [some_event(chance, lead) for lead in chance.sample(one.leads, _ACTING)])
    began, used = time.perf_counter(), time.process_time()
    applied = apply_all(one.env)
    seconds, used = time.perf_counter() - began, time.process_time() - used
    one.rounds.append(Round(applied / seconds, used / applied))
    print(f"  {len(one.leads):,} leads: {one.rounds[-1].rate:,.0f} events/s", file=sys.stderr)


def show_sizes(one: Grown) -> None:
    """Record how many bytes an event, a lead and a journey take, indexes included."""
    size = (
        "SELECT (SELECT sum(pg_total_relation_size(name::regclass)) "
        "FROM unnest(CAST(:tables AS text[])) AS name) / (SELECT count(*) FROM {})"
    )
    for what, tables, counted in (
        ("event, with its points", ["event", "score_entry"], "event"),
        ("lead, with identity, scores, timers", ["lead", "identity", "lead_score", "due"], "lead"),
        ("journey that waits, with turn and waits", ["enrolment", "turn", "armed_wait"], "enrolment"),
    ):
        with one.env.database.read() as session:
            statement = text(size.format(counted))
            found = session.connection().execute(statement, {"tables": tables}).scalar_one()
        record(f"growth: database per {what}", float(found), "bytes")


def main() -> int:
    """Measure, print, compare with the target; 1 where it is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--leads", type=int, default=_LARGE)
    parser.add_argument("--full", action="store_true", help=f"{_FULL:,} leads")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    many = _FULL if arguments.full else arguments.leads
    chance = random.Random(2)
    try:
        with ExitStack() as stack:
            server = stack.enter_context(postgres_server(fsync=True))
            databases = [stack.enter_context(grown(server, leads)) for leads in (_SMALL, many)]
            for one in databases:  # once before, so that code and connections are warm
                play_round(one, chance)
                one.rounds.clear()
            for _ in range(arguments.rounds):
                for one in databases:
                    play_round(one, chance)
            show_sizes(databases[-1])
            rates = [statistics.median(played.rate for played in one.rounds) for one in databases]
            for one, rate in zip(databases, rates, strict=True):
                label = f"growth, {len(one.leads):,} leads"
                record(f"{label}: events applied", rate, "1/s")
                used = statistics.median(played.processor for played in one.rounds)
                record(f"{label}: processor per event", used * 1000, "ms")
            name = f"growth: applier at {many:,} leads against {_SMALL:,}"
            row = record(name, rates[1] / rates[0], "", at_least=_TARGET)
    except PostgresMissingError as error:
        print(f"not measured: {error}")
        return 0
    return 0 if row["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
