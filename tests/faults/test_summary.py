"""What `make faults` says at its end."""

from __future__ import annotations

from scripts.run_faults import Result, summary


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
