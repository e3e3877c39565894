"""`leadloop try` at the command line: its options, its JSON, and what it says about mistakes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.journey.simulation import BEHAVIOURS
from tests.language.workspaces import write

PROJECT = Path(__file__).parents[2]
_runner = CliRunner()


def try_it(*arguments: str, code: int = 0, workspace: Path = PROJECT) -> str:
    """Run `leadloop try` in English from a Monday on; return what it prints, errors included."""
    common = ["-w", str(workspace), "--from", "2026-11-16", "--lang", "en"]
    result = _runner.invoke(app, ["try", *common, *arguments])
    assert result.exit_code == code, result.output
    return result.output


def document(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(try_it(*arguments, "--json"))
    return found


def test_try_prints_three_timelines_as_one_document() -> None:
    found = document("whitepaper-nurture")
    assert [one["behaviour"] for one in found["timelines"]] == list(BEHAVIOURS)
    first = found["timelines"][0]
    assert first["lines"][0]["at"] == "2026-11-16T10:00:00+09:00"
    waiting = next(line for line in first["lines"] if line["step"] == "read")
    assert waiting["detail"]["until"].startswith("2026-11-21")
    assert first["outcome"] == "exhausted"


def test_try_names_the_scenarios_where_one_is_unknown() -> None:
    assert "did you mean `whitepaper-nurture`?" in try_it("whitepaper-nuture", code=1)


def test_try_needs_neither_database_nor_temporal() -> None:
    code = (
        "import sys\n"
        "from leadloop.cli.main import app\n"
        "try:\n    app(['try', 'sales-handoff', '--do', '1d page_viewed path=/'])\n"
        "except SystemExit:\n    pass\n"
        "print(*{'sqlmodel', 'sqlalchemy', 'temporalio', 'fastapi'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == ""


def test_deed_steers_the_lead_into_another_branch() -> None:
    found = document("whitepaper-nurture", "--only", "ignores", "--do", "2d 15:00 page_viewed path=/pricing")
    (timeline,) = found["timelines"]
    taken = next(line for line in timeline["lines"] if "→ case" in line["text"])
    assert taken["at"] == "2026-11-18T15:00:00+09:00"
    assert [one["step"] for one in found["not_reached"]] == ["reminder"]


def test_click_belongs_to_the_mail_of_the_step_that_is_named() -> None:
    text = try_it("dormant", "--only", "ignores", "--do", "3d email_clicked of=miss")
    assert "email clicked of miss" in text
    assert "=> reactivated" in text


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        (["--task", "refused"], "refused"),
        (["--outcome", "call=absent,appointment"], "appointment"),
        (["--outcome", "call=overdue"], "to_nurture"),
    ],
)
def test_outcome_of_a_task_is_chosen(options: list[str], outcome: str) -> None:
    assert f"=> {outcome};" in try_it("inquiry-fast-lane", "--only", "ignores", *options)


def test_arm_and_winner_are_chosen() -> None:
    assert "draws b (10 %) → issue-b" in try_it("newsletter", "--only", "ignores", "--arm", "b")
    assert "the rest takes arm b → issue-b" in try_it(
        "newsletter", "--only", "ignores", "--winner", "issue=b"
    )


def test_entry_is_chosen_and_begins_at_its_step() -> None:
    text = try_it("seminar", "--only", "clicks", "--entry", "2")
    assert "enters seminar, at asked" in text
    assert "[invite]" not in text


def test_lead_of_a_file_decides_the_branches(tmp_path: Path) -> None:
    lead = tmp_path / "lead.yaml"
    lead.write_text("family_name: 佐藤\nindustry: manufacturing\nemployees: 5\n")
    text = try_it("business-cards", "--only", "ignores", "--lead", str(lead))
    assert "(lead.industry = manufacturing) → factory" in text


def test_weekdays_are_japanese_where_the_language_is() -> None:
    text = try_it("renewal", "--only", "ignores", "--lang", "ja")
    assert "2026-11-16 月 09:00" in text


def test_webhook_that_fails_takes_its_branch(tmp_path: Path) -> None:
    text = try_it("inquiry-fast-lane", "--only", "hot", "--webhook-fails")
    assert "the webhook crm answers: failed (500)" in text


@pytest.mark.parametrize("scenario", ["abandoned-estimate", "business-cards", "inquiry-fast-lane", "seminar"])
def test_option_that_is_hinted_leads_to_the_step(scenario: str) -> None:
    missing = [one for one in document(scenario)["not_reached"] if one["hint"]]
    hinted = {one["step"]: one["hint"] for one in missing if not one["hint"].startswith("--lead")}
    assert hinted
    for step, hint in hinted.items():
        visited = [one["visited"] for one in document(scenario, *shlex.split(hint))["timelines"]]
        assert any(step in one for one in visited), (step, hint)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--do", "3d"], "name an event"),
        (["--do", "soon page_viewed"], "begin with the time after the entry"),
        (["--do", "3d 'page_viewed"], "a quote is not closed"),
        (["--do", "3d form_submited"], "there is no event `form_submited`; did you mean `form_submitted`?"),
        (["--do", "3d form_submitted frm=contact"], "has no property `frm`; did you mean `form`?"),
        (["--do", "3d form_submitted form=contct"], "did you mean `contact`?"),
        (["--do", "3d page_viewed seconds=ten"], "not a whole number"),
        (["--do", "3d page_viewed path"], "write `path=VALUE`"),
        (["--do", "3d stage_changed to=mql"], "`stage_changed` comes about by itself"),
        (["--do", "3d email_clicked of=auto-repl"], "did you mean `auto-reply`?"),
        (["--task", "abcent"], "did you mean `absent`?"),
        (["--outcome", "call"], "write `STEP=OUTCOME`"),
        (["--outcome", "cal=absent"], "did you mean `call`?"),
        (["--outcome", "call=abcent"], "did you mean `absent`?"),
        (["--arm", "a"], "inquiry-fast-lane has no `experiment` step"),
        (["--entry", "4"], "inquiry-fast-lane has 1 entry"),
    ],
)
def test_mistake_in_an_option_is_told_with_what_was_meant(options: list[str], problem: str) -> None:
    assert problem in try_it("inquiry-fast-lane", *options, code=1)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--arm", "issue=c"], "there is no arm `c`"),
        (["--arm", "isue=a"], "did you mean `issue`?"),
        (["--winner", "rest"], "there is no arm `rest`"),
        (["--webhook-fails"], "newsletter has no `webhook` step"),
    ],
)
def test_mistake_about_an_experiment_is_told(options: list[str], problem: str) -> None:
    assert problem in try_it("newsletter", *options, code=1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("industri: it\n", "did you mean `industry`?"),
        ("stage: mlq\n", "did you mean `mql`?"),
        ("tags: [vipp]\n", "did you mean `vip`?"),
    ],
)
def test_mistake_in_a_lead_file_is_told(tmp_path: Path, text: str, problem: str) -> None:
    lead = tmp_path / "lead.yaml"
    lead.write_text(text)
    assert problem in try_it("newsletter", "--lead", str(lead), code=1)


def test_workspace_with_errors_is_not_played(tmp_path: Path) -> None:
    broken = write(tmp_path, {"scenarios/streams.yaml": "tips: {items: []}\n"})
    assert "error SCN" in try_it("welcome", code=1, workspace=broken)
