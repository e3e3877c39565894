"""The table of `docs/faults.md` and the tests that belong to its rows, found in the files.

    python -m tests.faults.table          say what does not fit
    python -m tests.faults.table --write  put the tests into the table

A test belongs to the row whose id is in its name: `test_p2_…` to P2. Names of other tests, written
by hand, stay.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"
NOT_COVERED = "**not covered yet**"
SLOW = "(slow)"

_ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+?) \| (.+?) \| (.*?) ?\|$", re.MULTILINE)
_WITH_ID = re.compile(r"test_([pndtrewayjxcm]\d+)_\w+")
_NAMED = re.compile(r"`(test_\w+)`")


@dataclass(frozen=True)
class TestFound:
    """A test function somewhere under `tests`."""

    __test__ = False
    name: str
    slow: bool
    """Marked `fault`: run by `make faults`."""

    @property
    def row(self) -> str | None:
        """The id in its name, if it has one."""
        found = _WITH_ID.fullmatch(self.name)
        return found[1].upper() if found else None

    def shown(self) -> str:
        """Return it as the table names it."""
        return f"`{self.name}` {SLOW}" if self.slow else f"`{self.name}`"


def find_tests(folder: Path = ROOT / "tests") -> dict[str, TestFound]:
    """Return every test function by name."""
    found: dict[str, TestFound] = {}
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        whole_file = any(_marks_file(node) for node in tree.body)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                slow = whole_file or any("mark.fault" in ast.unparse(one) for one in node.decorator_list)
                found[node.name] = TestFound(node.name, slow)
    return found


def _marks_file(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node) and "fault" in ast.unparse(node)


def rows(page: str) -> dict[str, str]:
    """Return the last column of each row by its id. Raises `ValueError` where an id is there twice."""
    found: dict[str, str] = {}
    for row_id, _, _, shown in _ROW.findall(page):
        if row_id in found:
            raise ValueError(f"row {row_id} is there twice")
        found[row_id] = shown
    return found


def written(page: str, tests: dict[str, TestFound]) -> str:
    """Return the page with the tests in its last column."""

    def row(match: re.Match[str]) -> str:
        row_id, fault, outcome, shown = match.groups()
        by_hand = [tests[name] for name in _NAMED.findall(shown) if name in tests and tests[name].row is None]
        of_row = [test for test in tests.values() if test.row == row_id]
        names = " ".join(test.shown() for test in by_hand + of_row)
        if not names:
            return f"| {row_id} | {fault} | {outcome} | {NOT_COVERED} |"
        partly = "partly: " if shown.startswith("partly: ") else ""
        return f"| {row_id} | {fault} | {outcome} | {partly}{names} |"

    return _ROW.sub(row, page)


def problems(page: str, tests: dict[str, TestFound]) -> list[str]:
    """Return what does not fit between a page and the tests, one line each."""
    found = rows(page)
    lines = []
    for row_id, shown in found.items():
        named = _NAMED.findall(shown)
        lines += [f"{row_id}: there is no test {name}" for name in named if name not in tests]
        lines += [
            f"{row_id}: {name} belongs to row {tests[name].row}"
            for name in named
            if name in tests and tests[name].row not in (None, row_id)
        ]
        if not named and shown != NOT_COVERED:
            lines.append(f"{row_id}: names no test and does not say that it is not covered")
    for test in tests.values():
        if test.row is None:
            continue
        if test.row not in found:
            lines.append(f"{test.name}: there is no row {test.row}")
        elif test.shown() not in found[test.row]:
            lines.append(f"{test.row}: {test.shown()} is missing")
    return lines


def main() -> int:
    """Write the table or say what does not fit; 1 where something does not."""
    page, tests = PAGE.read_text("utf-8"), find_tests()
    if "--write" in sys.argv[1:]:
        page = written(page, tests)
        PAGE.write_text(page, "utf-8")
    found = problems(page, tests)
    covered = sum(shown != NOT_COVERED for shown in rows(page).values())
    print("\n".join(found or [f"{covered} of {len(rows(page))} rows have a test"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
