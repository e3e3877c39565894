"""What people write by mistake, each with the corrected line in the hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.diagnostics import Report
from leadloop.language.reading import decode, read
from tests.language.workspaces import compiled, edited

N = "scenarios/welcome.yaml"


@pytest.mark.parametrize(
    ("text", "code", "fixed"),
    [
        ("a: 1\ntitle：資料\nb: 2", "SCN012", "title: 資料"),
        ("- {template：a/b, topic: x}", "SCN012", "- {template: a/b, topic: x}"),
        ("steps:\n  - id：a\n    b: 2", "SCN012", "  - id: a"),
        ("a: 1\ntitle:　資料\nb: 2", "SCN013", "title: 資料"),
        ("a: 1\n　b: 2", "SCN013", "  b: 2"),
        ('if: "vip" in lead.tags', "SCN014", "if: '\"vip\" in lead.tags'"),
        ("- if: !lead.in_sales", "SCN014", "- if: '!lead.in_sales'"),
        ("- if: !known(lead.a) && b", "SCN014", "- if: '!known(lead.a) && b'"),
        ('audience: lead.title == "a: b"', "SCN014", "audience: 'lead.title == \"a: b\"'"),
        ("- {when: lead.a in [1, 2], go: x}", "SCN014", "- {when: 'lead.a in [1, 2]', go: x}"),
        ("- {when: lead.a in ['x', 'y'], go: x}", "SCN014", "- {when: \"lead.a in ['x', 'y']\", go: x}"),
    ],
)
def test_mistake_is_reported_with_the_corrected_line(text: str, code: str, fixed: str) -> None:
    report = Report()
    source = decode("a.yaml", text.encode(), report)
    assert source is not None
    read(source, report)
    assert [one.code for one in report.diagnostics] == [code]
    assert report.diagnostics[0].hint.splitlines()[-1] == fixed


@pytest.mark.parametrize(
    ("condition", "fixed"),
    [
        ('lead.job_title.contains("a #1")', "audience: 'lead.job_title.contains(\"a #1\")'"),
        ('lead.job_title == " #1"', "audience: 'lead.job_title == \" #1\"'"),
    ],
)
def test_condition_cut_by_a_comment_sign_is_reported(tmp_path: Path, condition: str, fixed: str) -> None:
    compilation = compiled(tmp_path, edited(N, "goal:", f"audience: {condition}\ngoal:"))
    assert [one.code for one in compilation.errors] == ["SCN014"]
    assert compilation.errors[0].hint.splitlines()[-1] == fixed


def test_condition_with_a_real_comment_is_fine(tmp_path: Path) -> None:
    compilation = compiled(tmp_path, edited(N, "goal:", "audience: lead.employees > 5 # not tiny\ngoal:"))
    assert compilation.diagnostics == []


def test_condition_cut_by_a_comma_is_reported(tmp_path: Path) -> None:
    branch = '- {when: lead.job_title.matches("a,b"), go: tips}'
    compilation = compiled(tmp_path, edited(N, "- {event: email_clicked, of: thanks, go: tips}", branch))
    assert "SCN014" in [one.code for one in compilation.errors]


def test_full_width_colon_in_a_nested_setting_is_reported(tmp_path: Path) -> None:
    compilation = compiled(
        tmp_path, edited(N, "send: {template: mail/case}", "send:\n      template：mail/case")
    )
    assert [(one.code, one.line) for one in compilation.errors] == [("SCN012", 15)]
    assert compilation.errors[0].hint.splitlines()[-1] == "      template: mail/case"
