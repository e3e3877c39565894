"""Drive one journey (mail, await, branch, score, tag, mail) four ways, in turn, and compare.

    python -m bench.journey_speed [--rounds 5] [--journeys 60]

By hand on Temporal with one activity per effect; the same with local activities; on DBOS (its SQLite
mode); and on leadloop. Each round is a process of its own; rounds alternate. The processor time is that of
the process with workers, services and load; the Temporal server and the template renderer are not in it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.journeys.one_round import WAYS
from bench.results import Row, record

ROOT = Path(__file__).parents[1]
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
    sink = subprocess.Popen(
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
    done = subprocess.run(
        [*command, "--smtp-port", str(port)], cwd=ROOT, capture_output=True, text=True, timeout=_ROUND_SECONDS
    )
    if done.returncode:
        sys.exit(f"{way} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(found: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """Print and write each way's medians with their spread, and leadloop's as a part of the others'."""
    rows: list[Row] = []
    for way, rounds in found.items():
        rates = [one["per_second"] for one in rounds]
        spread = f"{_TITLES[way]}, {min(rates):.1f} to {max(rates):.1f} in {len(rates)} rounds"
        rows.append(record(f"journeys per second: {_TITLES[way]}", _middle(rounds, "per_second"), "1/s"))
        print(f"  ({spread})")
        rows.append(record(f"processor per journey: {_TITLES[way]}", _middle(rounds, "cpu_ms"), "ms"))
        if rounds[0]["history_events"] is not None:
            events = _middle(rounds, "history_events")
            rows.append(record(f"history events per journey: {_TITLES[way]}", events, ""))
    own = found["leadloop"]
    parts: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
        ("history events", "activities", "history_events", {"at_most": 0.55}),
        ("processor", "activities", "cpu_ms", {"at_most": 0.8}),
        ("journeys per second", "activities", "per_second", {"at_least": 1.5}),
        ("journeys per second", "local", "per_second", {"at_least": 1.0}),
        ("journeys per second", "dbos", "per_second", {"at_least": 2.0}),
    )
    for what, way, name, target in parts:
        part = _middle(own, name) / _middle(found[way], name)
        rows.append(record(f"{what}, leadloop / {_TITLES[way]}", part, "", **target))
    return rows


def _middle(rounds: Sequence[dict[str, Any]], name: str) -> float:
    return statistics.median(float(one[name]) for one in rounds)


def main() -> int:
    """Measure, print, compare with the targets; 1 where one is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--journeys", type=int, default=60)
    arguments = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with mail_server() as port:
        for number in range(arguments.rounds):
            for way in WAYS:
                one = measure(way, arguments.journeys, port)
                found[way].append(one)
                print(
                    f"round {number + 1}, {_TITLES[way]}: {one['per_second']:.1f} journeys/s, "
                    f"{one['cpu_ms']:.0f} ms, {one['history_events'] or '-'} events",
                    file=sys.stderr,
                )
    return 0 if all(row["ok"] for row in compare(found)) else 1


if __name__ == "__main__":
    sys.exit(main())
