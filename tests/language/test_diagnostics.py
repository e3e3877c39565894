"""How problems are shown."""

from __future__ import annotations

from leadloop.language.diagnostics import MOST, WIDEST, Report, in_order, render_text, to_json
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


def test_render_in_japanese_translates_the_parts_and_keeps_the_source() -> None:
    report = Report()
    place = Place(Source("scenarios/資料請求.yaml", "send: {topik: x}"), 1, 8, 5)
    report.add("SCN101", place, where="a `send` step", key="topik", suggestion="did you mean `topic`?")
    (one,) = report.diagnostics
    assert one.render("ja") == (
        "scenarios/資料請求.yaml:1:8: エラー SCN101: `send`ステップに設定`topik`はありません\n"
        "  1 | send: {topik: x}\n"
        "    |        ^^^^^\n"
        "  ヒント: `topic`ではありませんか？"
    )
    assert one.render("en", "demo/a.yaml").startswith("demo/a.yaml:1:8: error SCN101: a `send` step has no")


def test_hint_of_several_lines_is_indented_below_itself() -> None:
    report = Report()
    report.add("SCN012", Place(Source("a.yaml", "topic：x")), fixed="topic: x")
    (one,) = report.diagnostics
    assert one.render().splitlines()[-2:] == ["  hint: write `: ` (colon and space):", "        topic: x"]
    assert one.render("ja").splitlines()[-1] == "          topic: x"


def test_own_hint_replaces_the_usual_one_in_both_languages() -> None:
    report = Report()
    values = {"what": "`mode`", "value": "nevr", "allowed": "`never`, `always`"}
    own = "did you mean `never`? (one of: `never`, `always`)"
    report.add("SCN104", Place(Source("a.yaml", "mode: nevr")), hint=own, **values)
    (one,) = report.diagnostics
    assert (one.hint, one.hint_in("ja")) == (own, "`never`ではありませんか？(候補: `never`, `always`)")


def test_json_in_japanese_keeps_code_and_severity() -> None:
    data = to_json(report_at("go: x", 5, 1).diagnostics, "ja")[0]
    assert (data["code"], data["severity"], data["message"]) == ("SCN402", "error", "ステップ`x`はありません")


def test_more_problems_of_one_file_than_anybody_reads_end_with_a_note() -> None:
    report = Report()
    source = Source("a.yaml", "x\n" * 500)
    for line in range(1, 300):
        report.add("SCN011", Place(source, line))
    assert len(report.diagnostics) == MOST + 1
    assert (report.diagnostics[-1].code, report.diagnostics[-1].line) == ("SCN018", MOST + 1)


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
