"""Measure how long `leadloop check` takes, from the start of the process to its end.

    python bench/check_speed.py [--runs 11] [--limit 0.5]

Marketers run it after every change, so it should stay under half a second. Prints the fastest and
the middle run; exit 1 where the middle one is over the limit.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAM = Path(sys.executable).with_name("leadloop")


def measure(runs: int) -> list[float]:
    """Return the seconds of each run. Stops with the program's output where it fails."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        result = subprocess.run([PROGRAM, "check"], cwd=ROOT, capture_output=True, text=True)  # noqa: S603
        seconds.append(time.perf_counter() - started)
        if result.returncode != 0:
            sys.exit(f"`leadloop check` failed:\n{result.stdout}{result.stderr}")
    return seconds


def main() -> int:
    """Measure, print, compare with the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--limit", type=float, default=0.5, help="seconds for the middle run")
    arguments = parser.parse_args()
    seconds = measure(arguments.runs)
    middle = statistics.median(seconds)
    print(f"leadloop check: fastest {min(seconds):.3f} s, middle {middle:.3f} s of {len(seconds)} runs")
    if middle > arguments.limit:
        print(f"over the limit of {arguments.limit:.3f} s")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
