"""Measure how many leads a second a bulk enrolment writes into the database.

    python -m bench.enrolment_speed [--leads 2000] [--full]

The leads are known already; the time is that of `enrol_leads`, which is what `leadloop enrol --file` calls:
for each lead the checks of its entry, a request, a journey, and a wake. Starting the workflows is
measured by `sleeping_speed`. SQLite commits with fsync. `--full`: 100,000 leads.
"""

from __future__ import annotations

import argparse
import sys
import time

from bench.load.ground import WAITING, add_leads, environment
from bench.results import record
from leadloop.inbox.enrolling import enrol_leads

_TARGET = 5000
_FULL = 100_000


def main() -> int:
    """Measure, print, compare with the target; 1 where it is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--leads", type=int, default=2000)
    parser.add_argument("--full", action="store_true", help=f"{_FULL:,} leads")
    arguments = parser.parse_args()
    count = _FULL if arguments.full else arguments.leads
    with environment() as env:
        add_leads(env, count)
        named = [f"lead-{number}@kaisha.example" for number in range(count)]
        began, used = time.perf_counter(), time.process_time()
        results = enrol_leads(env, WAITING, named)
        seconds, used = time.perf_counter() - began, time.process_time() - used
    entered = sum(one.status == "entered" for one in results)
    if entered != count:
        raise SystemExit(f"{entered} of {count} leads entered")
    row = record("bulk enrolment, SQLite", count / seconds, "leads/s", at_least=_TARGET)
    record("bulk enrolment, processor per lead, SQLite", used / count * 1000, "ms")
    return 0 if row["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
