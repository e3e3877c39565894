"""`leadloop check`: languages, formats for programs, and watching."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from leadloop.cli.check import check
from leadloop.cli.graph import graph
from leadloop.cli.languages import Lang, language_of
from leadloop.cli.plan import plan
from leadloop.cli.problems import as_github, path_from_here
from leadloop.cli.publish import publish
from leadloop.cli.try_scenario import try_scenario
from leadloop.cli.watching import changed, snapshot
from leadloop.language.diagnostics import Report
from leadloop.language.sources import Place, Source
from tests.language.workspaces import FILES, Files, edited, write

app = typer.Typer()
app.command("check")(check)
app.command("graph")(graph)
app.command("try")(try_scenario)
app.command("publish")(publish)
app.command("plan")(plan)
runner = CliRunner()
N = "scenarios/welcome.yaml"
TYPO = edited(N, "go: tips", "go: tpis")
WIDE = edited(N, "- {event: email_clicked", "- {title: 𠮷野家さま🎉, event: email_clicked")
SECONDS = 20


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with one error, which is the current folder."""
    monkeypatch.chdir(write(tmp_path, TYPO))
    return tmp_path


# languages


def test_lang_ja_prints_everything_in_japanese(folder: Path) -> None:
    code, output, _ = run("check", "--lang", "ja")
    assert code == 1
    assert f"{N}:11:48: エラー SCN402: ステップ`tpis`はありません" in output
    assert "  ヒント: `tips`ではありませんか？" in output
    assert output.endswith("\nエラー1件\n")


def test_check_finds_the_workspace_of_its_path(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    code, output, _ = run("check", folder / N)
    assert code == 1
    assert "SCN402" in output


def test_check_refuses_paths_of_another_workspace(tmp_path: Path, folder: Path) -> None:
    other = write(tmp_path / "other")
    for paths in ((folder / N, other), ("-w", folder, "/etc")):
        code, output, problem = run("check", *paths)
        assert (code, output) == (2, "")
        assert problem.startswith(f"not in the workspace {folder}: ")


def test_lang_ja_counts_scenarios_and_warnings(tmp_path: Path) -> None:
    files = edited(N, "exhausted}}", "exhausted}}\n  - exit: a")
    output = run("check", "-w", write(tmp_path, files), "--lang", "ja")[1]
    assert output.splitlines()[-1] == "シナリオ1件: 問題なし、警告1件"
    assert ": 警告 SCN506: " in output


def test_lang_of_the_environment_is_the_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLOOP_LANG", "ja")
    assert "エラー1件" in run("check")[1]
    assert "1 error" in run("check", "--lang", "en")[1]


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ({"LC_MESSAGES": "ja_JP", "LANG": "C"}, "ja"),
        ({"LC_ALL": "C", "LC_MESSAGES": "ja_JP", "LANG": "ja_JP"}, "en"),
        ({"LC_ALL": "", "LANG": "ja"}, "ja"),
        ({"LEADLOOP_LANG": "en", "LC_ALL": "ja_JP.UTF-8"}, "en"),
        ({"LEADLOOP_LANG": "JA"}, "ja"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
    ],
)
def test_language_of_the_environment(environment: dict[str, str], language: str) -> None:
    assert language_of(None, environment) == language


def test_language_asked_for_wins() -> None:
    assert language_of(Lang.en, {"LANG": "ja_JP"}) == "en"


@pytest.mark.parametrize("command", ["graph welcome", "try welcome", "publish", "plan"])
def test_other_commands_tell_problems_in_the_language(folder: Path, command: str) -> None:
    code, output, errors = run(*command.split(), "--lang", "ja")
    assert (code, output) == (1, "")
    assert "ステップ`tpis`はありません" in errors


# formats


def test_json_has_the_code_and_the_text_in_the_language(folder: Path) -> None:
    document = json.loads(run("check", "--format", "json", "--lang", "ja")[1])
    assert (document["errors"], document["warnings"], document["language"]) == (1, 0, "ja")
    one = document["diagnostics"][0]
    assert (one["code"], one["line"], one["column"]) == ("SCN402", 11, 48)
    assert (one["message"], one["hint"]) == ("ステップ`tpis`はありません", "`tips`ではありませんか？")


def test_github_prints_one_command_per_problem(folder: Path) -> None:
    code, output, _ = run("check", "--format", "github")
    assert code == 1
    assert output.splitlines() == [
        "::error file=scenarios/welcome.yaml,line=11,endLine=11,col=48,endColumn=52,title=SCN402"
        "::there is no step `tpis`%0Adid you mean `tips`?",
        "1 error",
    ]


def test_github_of_a_good_workspace_is_only_the_summary(tmp_path: Path) -> None:
    assert run("check", "-w", write(tmp_path), "-f", "github")[:2] == (0, "1 scenario ok\n")


def test_github_escapes_what_would_end_a_command(tmp_path: Path) -> None:
    report = Report()
    place = Place(Source("scenarios/50%, a:b.yaml", "x"))
    report.add("SCN112", place, problem="100%: a,b", fix="one\r\ntwo")
    command = as_github(tmp_path, report.diagnostics, "en")
    file, _, message = command.removeprefix("::error file=").partition("::")
    assert file.partition(",line=")[0].endswith("scenarios/50%25%2C a%3Ab.yaml")
    assert message == "100%25: a,b%0Aone%0D%0Atwo"


def sarif(*arguments: str | Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run("check", "--format", "sarif", *arguments)[1])
    return document


def test_sarif_has_what_the_standard_requires(folder: Path) -> None:
    document = sarif()
    assert document["version"] == "2.1.0"
    (one_run,) = document["runs"]
    driver = one_run["tool"]["driver"]
    assert driver["name"] == "leadloop"
    assert one_run["columnKind"] == "utf16CodeUnits"
    (result,) = one_run["results"]
    assert result["ruleId"] == driver["rules"][result["ruleIndex"]]["id"] == "SCN402"
    assert result["level"] == "error"
    assert result["message"]["text"] == "there is no step `tpis`\ndid you mean `tips`?"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": N, "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 11, "startColumn": 48, "endLine": 11, "endColumn": 52}


PROPERTIES = {
    "sarifLog": {"$schema", "version", "runs"},
    "run": {"tool", "language", "columnKind", "results"},
    "tool": {"driver"},
    "toolComponent": {"name", "version", "language", "rules"},
    "reportingDescriptor": {"id", "shortDescription", "helpUri", "defaultConfiguration"},
    "result": {"ruleId", "ruleIndex", "level", "message", "locations"},
    "physicalLocation": {"artifactLocation", "region"},
}
"""Objects of SARIF 2.1.0 and those of their properties that are used; the schema allows no others."""


def test_sarif_uses_properties_of_the_standard_only(folder: Path) -> None:
    document = sarif("--lang", "ja")
    one_run = document["runs"][0]
    driver = one_run["tool"]["driver"]
    (result,) = one_run["results"]
    found = {
        "sarifLog": document,
        "run": one_run,
        "tool": one_run["tool"],
        "toolComponent": driver,
        "reportingDescriptor": driver["rules"][0],
        "result": result,
        "physicalLocation": result["locations"][0]["physicalLocation"],
    }
    assert {name: set(one) for name, one in found.items()} == PROPERTIES
    assert one_run["language"] == driver["language"] == "ja"


def test_sarif_rule_links_to_the_code_in_the_reference(folder: Path) -> None:
    rule = sarif()["runs"][0]["tool"]["driver"]["rules"][0]
    assert rule["helpUri"] == "docs/scenario-language.md#scn402"
    assert rule["shortDescription"] == {"text": "there is no step `…`"}
    assert rule["defaultConfiguration"] == {"level": "error"}


def test_sarif_columns_count_utf16_code_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`𠮷` and `🎉` are one character and two units each; `title` is no setting of a branch."""
    files = {**WIDE, N: str(WIDE[N]).replace("go: tips", "go: tpis")}
    monkeypatch.chdir(write(tmp_path, files))
    regions = {
        one["ruleId"]: one["locations"][0]["physicalLocation"]["region"]
        for one in sarif()["runs"][0]["results"]
    }
    assert (regions["SCN101"]["startColumn"], regions["SCN101"]["endColumn"]) == (10, 15)
    line = str(files[N]).splitlines()[10]
    units = len(line[: line.index("tpis")].encode("utf-16-le")) // 2
    assert units == line.index("tpis") + 2
    assert regions["SCN402"]["startColumn"] == units + 1


def test_sarif_warning_and_braces_of_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """§3.11.5 doubles braces, which would begin a placeholder."""
    steps = "  - id: a\n    recycle: {max_cycles: 3, on_max: {exit: b}}\n"
    head = "scenario: r\ntopic: nurture\nentry: [{event: deal_lost}]\nsteps:\n"
    monkeypatch.chdir(write(tmp_path, {"scenarios/r.yaml": head + steps}))
    (result,) = sarif("scenarios/r.yaml")["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("SCN502", "warning")
    assert result["message"]["text"].endswith("add `cooldown: {{default: 60 days}}`")


def test_sarif_path_is_a_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files: Files = {"scenarios/資料 請求.yaml": "a: ["}
    monkeypatch.chdir(write(tmp_path / "w", files))

    def uri(*arguments: str | Path) -> str:
        (result,) = sarif(*arguments)["runs"][0]["results"]
        return str(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])

    name = "%E8%B3%87%E6%96%99%20%E8%AB%8B%E6%B1%82.yaml"
    assert uri() == f"scenarios/{name}"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert uri("-w", tmp_path / "w") == f"{(tmp_path / 'w').as_uri()}/scenarios/{name}"


def test_sarif_of_a_good_workspace_has_no_results(tmp_path: Path) -> None:
    assert sarif("-w", write(tmp_path))["runs"][0]["results"] == []


def test_path_is_shown_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert path_from_here(tmp_path, N) == N
    assert path_from_here(tmp_path / "demo", N) == os.path.join("demo", N)
    assert path_from_here(tmp_path.parent, N) == os.path.join(str(tmp_path.parent), N)


# watching


@contextmanager
def watching(folder: Path) -> Iterator[subprocess.Popen[str]]:
    program = "from leadloop.cli.main import main; main()"
    command = [sys.executable, "-u", "-c", program, "check", "--watch"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def read_until(process: subprocess.Popen[str], line: str) -> list[str]:
    """Return the lines up to one that is `line`."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != line:
        read = process.stdout.readline()
        assert read, lines
        lines.append(read.rstrip("\n"))
    return lines


def end(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(SECONDS)


def test_watch_checks_again_when_a_file_changes(tmp_path: Path) -> None:
    with watching(write(tmp_path)) as process:
        read_until(process, "1 scenario ok")
        (tmp_path / N).write_text(str(TYPO[N]), encoding="utf-8")
        lines = read_until(process, "1 error")
        assert re.fullmatch(rf"\d\d:\d\d:\d\d {re.escape(N)}", lines[1])
        assert any("SCN402" in line for line in lines)
        assert end(process) == 1


def test_watch_ends_with_the_code_of_the_last_run(tmp_path: Path) -> None:
    with watching(write(tmp_path, TYPO)) as process:
        read_until(process, "1 error")
        (tmp_path / N).write_text(str(FILES[N]), encoding="utf-8")
        read_until(process, "1 scenario ok")
        assert end(process) == 0


def test_watch_goes_with_text_only(folder: Path) -> None:
    assert run("check", "--watch", "--format", "json")[0] == 2


def test_changed_names_new_edited_and_deleted_files(tmp_path: Path) -> None:
    before = snapshot(write(tmp_path))
    (tmp_path / "templates" / "mail" / "new.ja.md").write_text("x", encoding="utf-8")
    (tmp_path / N).write_text("scenario: other\n", encoding="utf-8")
    (tmp_path / "scenarios" / "streams.yaml").unlink()
    (tmp_path / "notes.txt").write_text("not read", encoding="utf-8")
    found = changed(tmp_path, before, snapshot(tmp_path))
    assert found == ["scenarios/streams.yaml", N, "templates/mail/new.ja.md"]
