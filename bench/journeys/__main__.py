"""Drive one journey (mail, await, branch, score, tag, mail) four ways, in turn, and compare.

    python -m bench.journeys [--rounds 5] [--journeys 60]

By hand on Temporal with one activity per effect; the same with local activities; on DBOS (its SQLite
mode); and on leadloop. Each round is a process of its own; rounds alternate. The processor time is that of
the process with workers, services and load; the Temporal server and the template renderer are not in it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.journeys.one_round import WAYS

ROOT = Path(__file__).parents[2]
_ROUND_SECONDS = 600
_TITLES = {
    "activities": "by hand, an activity per effect",
    "local": "by hand, local activities",
    "dbos": "DBOS on SQLite",
    "leadloop": "leadloop",
}


@contextmanager
def mail_server() -> Iterator[int]:
    """Run the mail sink while the block runs; yield its port."""
    sink = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "bench.journeys.mail_sink"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield int(sink.stdout.readline())  # type: ignore[union-attr]
    finally:
        sink.kill()
        sink.wait()


def measure(way: str, journeys: int, port: int) -> dict[str, Any]:
    """Return what one round measured. Stops with its output where it fails."""
    command = [sys.executable, "-m", "bench.journeys.one_round", way, "--journeys", str(journeys)]
    done = subprocess.run(  # noqa: S603
        [*command, "--smtp-port", str(port)], cwd=ROOT, capture_output=True, text=True, timeout=_ROUND_SECONDS
    )
    if done.returncode:
        sys.exit(f"{way} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def middle(rounds: Sequence[dict[str, Any]], name: str) -> float:
    """Return the median of a figure."""
    return statistics.median(float(one[name] or 0) for one in rounds)


def main() -> int:
    """Measure, print, compare with the targets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--journeys", type=int, default=60)
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=WAYS)
    arguments = parser.parse_args()
    ways = [one for one in arguments.ways if one != "dbos" or importlib.util.find_spec("dbos")]
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    with mail_server() as port:
        for number in range(arguments.rounds):
            for way in ways:
                found[way].append(measure(way, arguments.journeys, port))
                one = found[way][-1]
                print(
                    f"round {number + 1}, {_TITLES[way]}: {one['per_second']:.1f} journeys/s, "
                    f"{one['cpu_ms']:.0f} ms, {one['history_events'] or '-'} events",
                    file=sys.stderr,
                )
    for way, rounds in found.items():
        rates = [one["per_second"] for one in rounds]
        print(
            f"{_TITLES[way]}: {statistics.median(rates):.1f} journeys/s ({min(rates):.1f} to {max(rates):.1f}), "
            f"{middle(rounds, 'cpu_ms'):.0f} ms of processor each, "
            f"{middle(rounds, 'history_events'):.0f} history events"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
