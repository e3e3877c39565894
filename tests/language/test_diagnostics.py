"""How problems are shown."""

from __future__ import annotations

from leadloop.language.diagnostics import WIDEST, Report, in_order, render_text, to_json
from leadloop.language.sources import Place, Source


def report_at(line: str, column: int, length: int) -> Report:
    report = Report()
    report.add(
        "SCN402",
        Place(Source("scenarios/a.yaml", line), 1, column, length),
        id="x",
        suggestion="did you mean `y`?",
    )
    return report


def test_render_shows_place_line_caret_and_hint() -> None:
    text = render_text(report_at("go: x", 5, 1).diagnostics)
    assert text == (
        "scenarios/a.yaml:1:5: error SCN402: there is no step `x`\n"
        "  1 | go: x\n"
        "    |     ^\n"
        "  hint: did you mean `y`?"
    )


def test_caret_stands_below_wide_characters() -> None:
    one = report_at("題名: 資料 x", 5, 2).diagnostics[0]
    assert one.caret == " " * 6 + "^^^^"


def test_long_line_is_cut_around_the_place() -> None:
    one = report_at("a" * 1000 + "HERE" + "b" * 1000, 1001, 4).diagnostics[0]
    assert (one.column, len(one.source_line)) == (1001, WIDEST)
    at = one.caret.index("^")
    assert one.source_line[at : at + 4] == "HERE"


def test_same_problem_at_one_place_is_told_once() -> None:
    report = Report()
    place = Place(Source("a.yaml", "x"))
    for _ in range(2):
        report.add("SCN011", place)
    assert len(report.diagnostics) == 1


def test_json_has_every_part() -> None:
    data = to_json(report_at("go: x", 5, 1).diagnostics)[0]
    assert data == {
        "code": "SCN402",
        "severity": "error",
        "path": "scenarios/a.yaml",
        "line": 1,
        "column": 5,
        "source_line": "go: x",
        "caret": "    ^",
        "message": "there is no step `x`",
        "hint": "did you mean `y`?",
    }


def test_order_is_by_file_line_and_column() -> None:
    report = Report()
    for path, line, column in [("b", 1, 1), ("a", 2, 1), ("a", 1, 9), ("a", 1, 2)]:
        report.add("SCN011", Place(Source(path, "\n\n"), line, column))
    assert [(one.path, one.line, one.column) for one in in_order(report.diagnostics)] == [
        ("a", 1, 2),
        ("a", 1, 9),
        ("a", 2, 1),
        ("b", 1, 1),
    ]
