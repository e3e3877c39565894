"""`docs/faults.md` and the tests say the same.

When this fails: `python -m tests.faults.table --write` puts new tests into the table and takes out
those that are gone. A test with an id of no row needs a row, or another name. The small pages below
are wrong on purpose, so that the comparison cannot pass by comparing nothing.
"""

from __future__ import annotations

from pathlib import Path

from tests.faults.table import NOT_COVERED, PAGE, TestFound, find_tests, problems, rows, written

HEAD = "| id | what goes wrong | what happens | shown by |\n|---|---|---|---|\n"
TESTS = {
    name: TestFound(name, slow)
    for name, slow in (("test_p1_lives", False), ("test_p1_lives_long", True), ("test_older", False))
}


def test_table_and_tests_agree() -> None:
    assert problems(PAGE.read_text("utf-8"), find_tests()) == []


def test_table_has_every_kind_of_fault() -> None:
    found = rows(PAGE.read_text("utf-8"))
    assert {row_id[0] for row_id in found} == set("PNDTREWAYJXCM")
    assert len(found) >= 99
    assert NOT_COVERED not in found["P1"]


def test_find_tests_knows_names_and_marks(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(
        "@pytest.mark.fault\nasync def test_d1_full(): ...\nclass TestX:\n    def test_older(self): ...\n"
    )
    (tmp_path / "test_slow.py").write_text("pytestmark = pytest.mark.fault\ndef test_n2_silent(): ...\n")
    found = find_tests(tmp_path)
    assert {name: (test.slow, test.row) for name, test in found.items()} == {
        "test_d1_full": (True, "D1"),
        "test_older": (False, None),
        "test_n2_silent": (True, "N2"),
    }
    assert {test.row for test in find_tests().values()} >= {None, "P1", "P2"}


def test_missing_test_and_missing_name_are_problems() -> None:
    page = HEAD + "| P1 | a | b | `test_p1_lives` `test_gone` |\n| P2 | a | b | |\n"
    assert problems(page, TESTS) == [
        "P1: there is no test test_gone",
        "P2: names no test and does not say that it is not covered",
        "P1: `test_p1_lives_long` (slow) is missing",
    ]


def test_name_in_the_wrong_row_is_a_problem() -> None:
    page = (
        HEAD
        + "| P1 | a | b | `test_p1_lives` `test_p1_lives_long` (slow) |\n| P2 | a | b | `test_p1_lives` |\n"
    )
    assert problems(page, TESTS) == ["P2: test_p1_lives belongs to row P1"]


def test_row_that_is_missing_is_a_problem() -> None:
    assert problems(HEAD, {"test_d4_waits": TestFound("test_d4_waits", False)}) == [
        "test_d4_waits: there is no row D4"
    ]


def test_written_puts_tests_where_they_belong_and_keeps_those_by_hand() -> None:
    page = HEAD + "| P1 | a | b | `test_gone` |\n| P2 | a | b | partly: `test_older` |\n| P3 | a | b | |\n"
    assert rows(written(page, TESTS)) == {
        "P1": "`test_p1_lives` `test_p1_lives_long` (slow)",
        "P2": "partly: `test_older`",
        "P3": NOT_COVERED,
    }
    assert problems(written(page, TESTS), TESTS) == []
