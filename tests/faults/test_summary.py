"""What `make faults` says at its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.run_faults import Result, summary

SCRIPT = Path(__file__).parents[2] / "scripts" / "run_faults.py"


def test_summary_has_a_line_for_each_row_and_says_what_did_not_hold() -> None:
    results = [
        Result("test_p3_kills[fifty]", "passed", 150),
        Result("test_d1_full", "skipped", 0, "Skipped: a small disk needs root"),
        Result("test_p3_other", "failed", 2),
        Result("test_d10_deadlock", "passed", 3),
        Result("test_older", "passed", 1),
    ]
    assert [line.split() for line in summary(results)] == [
        ["D1", "left", "out", "1", "tests,", "0", "s"],
        ["skipped:", "test_d1_full", "Skipped:", "a", "small", "disk", "needs", "root"],
        ["D10", "held", "1", "tests,", "3", "s"],
        ["P3", "FAILED", "2", "tests,", "152", "s"],
        ["failed:", "test_p3_other"],
        ["other", "held", "1", "tests,", "1", "s"],
    ]


def test_run_faults_runs_the_marked_tests_of_several_folders(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = fault: slow\n", "utf-8")
    for folder, body in (("one", "assert True"), ("two", "assert False, 'it did not hold'")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "conftest.py").touch()
        (tmp_path / folder / f"test_{folder}.py").write_text(
            f"import pytest\n\n@pytest.mark.fault\ndef test_p{len(folder)}_{folder}():\n    {body}\n"
            f"\ndef test_p9_{folder}_unmarked():\n    assert False\n",
            "utf-8",
        )
    done = subprocess.run(
        [sys.executable, SCRIPT, "-q", "-p", "no:cacheprovider", tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stdout.partition("Faults, in")[2].splitlines()[1:]
    assert done.returncode == 1, done.stdout + done.stderr
    assert [line.split()[:3] for line in told] == [["P3", "FAILED", "2"], ["failed:", "test_p3_two"]]
