"""Measure how many leads a second a bulk enrolment writes into the database.

    python -m bench.enrolment_speed [--leads 2000] [--then 100000] [--database sqlite|postgresql|both]

The leads are known already; the time is that of `enrol_leads`, which is what `leadloop enrol --file` calls:
for each lead the checks of its entry, a request, a journey, and a wake. Starting the workflows is
measured by `sleeping_speed`. Each database is measured with a number of leads and then with a greater
one, in the same database; then up to 20,000 are asked once more, as after a run that was cut off; then
the smaller number for a scenario that asks a field, a score's band and a stage of each lead. SQLite
commits with fsync, and so does the PostgreSQL that the bench starts (`TEST_DATABASE_URL`, else the
system's programs); its own processor time is not in the figures.
"""

from __future__ import annotations

import argparse
import sys
import time

from bench.load.ground import WAITING, add_leads, environment
from bench.results import Row, record
from leadloop.garbage import freeze_what_is_loaded
from leadloop.inbox.entries.enrolling import enrol_leads
from leadloop.storage.environment import Environment
from tests.storage.postgres import PostgresMissingError, fresh_database, postgres_server

_TARGET = 5000
_CHOOSY = "choosy"
_SOURCE = """
scenario: choosy
title: 選ぶ
topic: service
entry:
  - {manual: true}
audience: '!known(lead.employees) && lead.band.engagement == "cold"'
goal: {stage: mql}
reentry: {mode: after_exit, cooldown: 30 days}
steps:
  - id: wait
    wait: 90 days
"""
_THEN = 100_000
_AGAIN = 20_000


def measure(env: Environment, where: str, leads: int, then: int) -> list[Row]:
    """Enter so many leads, then so many more, then ask for some again."""
    rows = []
    everybody: list[str] = []
    for count in (leads, then):
        add_leads(env, count, f"of-{count}")
        named = [f"of-{count}-{number}@kaisha.example" for number in range(count)]
        rate, processor = _enrol(env, WAITING, named, "entered")
        rows.append(record(f"bulk enrolment, {where}, {count:,} leads", rate, "leads/s", at_least=_TARGET))
        record(f"bulk enrolment, processor per lead, {where}, {count:,} leads", processor, "ms")
        everybody += named
    again = everybody[:_AGAIN]
    rate, processor = _enrol(env, WAITING, again, "repeated")
    record(f"bulk enrolment, asked again, {where}, {len(again):,} leads", rate, "leads/s")
    rate, processor = _enrol(env, _CHOOSY, everybody[:leads], "entered")
    record(f"bulk enrolment with an audience, {where}, {leads:,} leads", rate, "leads/s")
    record(f"bulk enrolment with an audience, processor per lead, {where}, {leads:,} leads", processor, "ms")
    return rows


def _enrol(env: Environment, scenario: str, named: list[str], status: str) -> tuple[float, float]:
    """Return leads per second on the clock, and milliseconds of this process's processor per lead."""
    began, used = time.perf_counter(), time.process_time()
    results = enrol_leads(env, scenario, named, key=f"bench-{scenario}")
    seconds, used = time.perf_counter() - began, time.process_time() - used
    wrong = sum(one.status != status for one in results)
    if wrong:
        raise SystemExit(f"{wrong} of {len(named)} leads are not {status}")
    return len(named) / seconds, used / len(named) * 1000


def main() -> int:
    """Measure, print, compare with the target; 1 where it is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--leads", type=int, default=2000)
    parser.add_argument("--then", type=int, default=_THEN, help=f"the second number; {_THEN:,}")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    arguments = parser.parse_args()
    leads, then = arguments.leads, arguments.then
    freeze_what_is_loaded()  # as the command does
    rows = []
    if arguments.database != "postgresql":
        with environment(scenarios={_CHOOSY: _SOURCE}) as env:
            rows += measure(env, "SQLite", leads, then)
    if arguments.database != "sqlite":
        try:
            with (
                postgres_server(fsync=True) as server,
                fresh_database(server) as url,
                environment(url, {_CHOOSY: _SOURCE}) as env,
            ):
                rows += measure(env, "PostgreSQL", leads, then)
        except PostgresMissingError as error:
            print(f"PostgreSQL is not measured: {error}")
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
