"""Run the tests marked `fault`: those that kill, cut and corrupt for minutes, or need root.

    python scripts/run_faults.py [--each SECONDS] [--all SECONDS] [options of pytest]

Stops by itself: a test that takes longer than `--each` fails there, and all of it ends after `--all`.
Prints at the end, by row of docs/faults.md, what held, what did not, and what was left out and why.
"""

from __future__ import annotations

import argparse
import faulthandler
import re
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType

import pytest

_ROW = re.compile(r"test_([a-z]\d+)_")
EACH_SECONDS = 3600
ALL_SECONDS = 4 * 3600


@dataclass
class Result:
    """What came of one test."""

    name: str
    outcome: str
    seconds: float
    why: str = ""


@dataclass(eq=False)  # pytest keeps its plugins in a dictionary
class Watch:
    """A pytest plugin: a time limit for each test, and a list of what came of them."""

    each_seconds: float
    results: list[Result] = field(default_factory=list)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        signal.signal(signal.SIGALRM, self._give_up)
        signal.setitimer(signal.ITIMER_REAL, self.each_seconds)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        why = ""
        if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            why = report.longrepr[2]
        name = report.nodeid.split("::")[-1]
        self.results.append(Result(name, report.outcome, report.duration, why))

    def _give_up(self, _number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"the test takes longer than {self.each_seconds:g} s")


def summary(results: list[Result]) -> list[str]:
    """Return one line per row of the table, in order; tests without a row stand last."""
    by_row: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        found = _ROW.match(result.name)
        by_row[found[1].upper() if found else "~"].append(result)
    lines = []
    for row in sorted(by_row, key=lambda one: (one[0], int(one[1:] or 0))):
        outcomes = {one.outcome for one in by_row[row]}
        word = "FAILED" if "failed" in outcomes else "held" if "passed" in outcomes else "left out"
        seconds = sum(one.seconds for one in by_row[row])
        lines.append(
            f"{row if row != '~' else 'other':<6}{word:<10}{len(by_row[row])} tests, {seconds:,.0f} s"
        )
        lines += [
            f"      {one.outcome}: {one.name} {one.why}".rstrip()
            for one in by_row[row]
            if one.outcome != "passed"
        ]
    return lines


def main() -> int:
    """Run them, print the summary, and return pytest's exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=float, default=EACH_SECONDS, help="seconds for one test")
    parser.add_argument("--all", type=float, default=ALL_SECONDS, help="seconds for all of them")
    ours, others = parser.parse_known_args()
    faulthandler.dump_traceback_later(ours.all, exit=True)
    watch, started = Watch(ours.each), time.monotonic()
    code = pytest.main(["-m", "fault", *others], plugins=[watch])
    faulthandler.cancel_dump_traceback_later()
    print(f"\nFaults, in {time.monotonic() - started:,.0f} s:")
    print("\n".join(summary(watch.results) or ["no test marked `fault` was chosen"]))
    return 0 if code == pytest.ExitCode.NO_TESTS_COLLECTED else int(code)


if __name__ == "__main__":
    sys.exit(main())
