"""The header of a scenario: groups, audiences, edits, clocks, and allowed lints."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.language.compiler import compile_workspace
from leadloop.language.plan import OnEdit
from tests.language.workspaces import FILES, Files, compiled, edited, scenario, write

N, W, S, G = (f"scenarios/{name}.yaml" for name in ("welcome", "workspace", "scoring", "segments"))
MQL = "  - id: done\n    stage: mql\n"


def header(text: str) -> Files:
    return scenario(MQL, text)


def test_header_is_compiled(tmp_path: Path) -> None:
    text = """\
title: 資料請求のお礼
group: early-nurture
priority: 80
audience: lead.country == "JP"
recheck: before_send
on_edit: {default: move, steps: {first: done, 旧ステップ: done}}
pause_clock: freeze
"""
    plan = compiled(tmp_path, header(text)).require().plans["welcome"]
    assert (plan.title, plan.group, plan.priority, plan.per) == (
        "資料請求のお礼",
        "early-nurture",
        80,
        "lead",
    )
    assert (plan.recheck, plan.pause_clock) == (True, "freeze")
    assert plan.on_edit == OnEdit(default="move", steps={"first": "done", "旧ステップ": "done"})


def test_header_may_be_silent(tmp_path: Path) -> None:
    plan = compiled(tmp_path, header("")).require().plans["welcome"]
    assert (plan.group, plan.recheck, plan.pause_clock, plan.on_edit) == (None, False, "run", OnEdit())


def test_edit_may_be_one_word(tmp_path: Path) -> None:
    plan = compiled(tmp_path, header("on_edit: finish\n")).require().plans["welcome"]
    assert plan.on_edit == OnEdit(default="finish")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("group: 資料\n", "SCN109", "letters"),
        ("recheck: always\naudience: lead.in_sales\n", "SCN104", "before_send"),
        ("recheck: before_send\n", "SCN112", "without `audience`"),
        ("on_edit: {default: moved}\n", "SCN104", "did you mean `move`?"),
        ("on_edit: {steps: {old: don}}\n", "SCN402", "did you mean `done`?"),
        ("on_edit: {step: {old: done}}\n", "SCN101", "did you mean `steps`?"),
        ("on_edit: [move]\n", "SCN102", "a map"),
        ("pause_clock: freez\n", "SCN104", "did you mean `freeze`?"),
        ("per: people\n", "SCN201", "`company`"),
        ("existing: include\n", "SCN112", "enter by a segment"),
        ("existing: some\n", "SCN104", "`include`"),
        ("limit: 0 per day\n", "SCN107", "2 per 7 days"),
        ("audience: run.done.status == 'sent'\n", "SCN302", ""),
    ],
)
def test_header_is_refused(tmp_path: Path, text: str, code: str, words: str) -> None:
    errors = compiled(tmp_path, header(text)).errors
    assert [one.code for one in errors] == [code], [one.render() for one in errors]
    assert words in errors[0].render()


def enrolling(target: str) -> Files:
    steps = f"steps: [{{enrol: {{scenario: {target}}}}}]\n"
    text = f"scenario: b\ntopic: nurture\nentry: [{{event: deal_lost}}]\n{steps}"
    return {"scenarios/b.yaml": text}


def test_enrol_needs_a_scenario_that_takes_people_by_hand(tmp_path: Path) -> None:
    manual = edited(N, "goal:", "  - {manual: true}\ngoal:")
    assert compiled(tmp_path / "a", {**manual, **enrolling("welcome")}).errors == []
    unknown = compiled(tmp_path / "b", {**manual, **enrolling("welcom")}).errors
    assert [(one.code, one.hint) for one in unknown] == [("SCN201", "did you mean `welcome`?")]
    assert [one.code for one in compiled(tmp_path / "c", enrolling("welcome")).errors] == ["SCN421"]
    record = {
        W: FILES[W] + "records: {seminar: {fields: {title: text}}}\n",
        N: FILES[N]
        .replace("{event: form_submitted, form: whitepaper}", "{manual: true}")
        .replace("goal:", "per: seminar\ngoal:"),
    }
    errors = compiled(tmp_path / "d", {**record, **enrolling("welcome")}).errors
    assert [one.code for one in errors] == ["SCN112"]
    assert "no `seminar` is known here" in errors[0].message


def test_lint_is_allowed_by_its_file(tmp_path: Path) -> None:
    limit = edited(N, "goal:", "audience: lead.score.engagement >= 30\ngoal:")
    assert [one.code for one in compiled(tmp_path, limit).diagnostics] == ["SCN504"]
    limit[N] = str(limit[N]) + "allow: {SCN504: 境目は別に決めた}\n"
    assert compiled(tmp_path, limit).diagnostics == []


@pytest.mark.parametrize("path", [N, W, S, "scenarios/lifecycle.yaml", "scenarios/streams.yaml", G])
def test_allow_that_silences_nothing_is_told(tmp_path: Path, path: str) -> None:
    before = FILES.get(path, "a: {when: lead.in_sales}\n")
    found = compiled(tmp_path, {path: before + "allow: {SCN504: 理由}\n"})
    assert [(one.code, one.path) for one in found.diagnostics] == [("SCN523", path)]
    assert found.publication is not None


@pytest.mark.parametrize(
    ("allow", "code"),
    [
        ("{SCN999: 理由}", "SCN201"),
        ("{SCN301: 理由}", "SCN201"),
        ("{SCN504: ''}", "SCN113"),
        ("[SCN504]", "SCN102"),
    ],
)
def test_allow_is_strict(tmp_path: Path, allow: str, code: str) -> None:
    assert [one.code for one in compiled(tmp_path, header(f"allow: {allow}\n")).errors] == [code]


def test_check_of_one_file_leaves_the_others_alone(tmp_path: Path) -> None:
    folder = write(tmp_path, {**edited(N, "goal:", "allow: {SCN520: 理由}\ngoal:"), **enrolling("welcome")})
    for name in (N, "scenarios/b.yaml"):
        assert compile_workspace(folder, [folder / name]).diagnostics == []
    assert {one.code for one in compile_workspace(folder).diagnostics} == {"SCN421"}


def test_allow_says_nothing_while_there_are_errors(tmp_path: Path) -> None:
    found = compiled(tmp_path, header("allow: {SCN504: 理由}\npriority: high\n"))
    assert [one.code for one in found.diagnostics] == ["SCN105"]
