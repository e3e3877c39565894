"""`check`, `graph` and `new` as a person calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from leadloop.cli.check import check
from leadloop.cli.graph import graph
from leadloop.cli.new import new
from leadloop.language.compiler import compile_workspace
from tests.language.workspaces import edited, write

app = typer.Typer()
for command in (check, graph, new):
    app.command()(command)
runner = CliRunner()
N = "scenarios/welcome.yaml"


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_check_of_a_valid_workspace(tmp_path: Path) -> None:
    assert run("check", "-w", write(tmp_path)) == (0, "1 scenario ok\n", "")


def test_check_finds_the_workspace_upwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(tmp_path) / "templates" / "mail")
    assert run("check")[0] == 0


def test_check_prints_errors_and_exits_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(tmp_path, edited(N, "go: tips", "go: tpis")))
    code, output, _ = run("check")
    assert code == 1
    assert f"{N}:11:48: error SCN402" in output
    assert output.endswith("1 error\n")


def test_check_exits_0_on_warnings(tmp_path: Path) -> None:
    code, output, _ = run(
        "check", "-w", write(tmp_path, edited(N, "exhausted}}", "exhausted}}\n  - exit: a"))
    )
    assert (code, output.splitlines()[-1]) == (0, "1 scenario ok, 1 warning")


def test_check_as_json_prints_one_document(tmp_path: Path) -> None:
    code, output, _ = run(
        "check", "-w", write(tmp_path, edited(N, "go: tips", "go: tpis")), "--format", "json"
    )
    document = json.loads(output)
    assert (code, document["errors"], document["warnings"]) == (1, 1, 0)
    assert document["diagnostics"][0]["code"] == "SCN402"


def test_check_of_one_file(tmp_path: Path) -> None:
    folder = write(tmp_path, {"scenarios/bad.yaml": "a: ["})
    assert run("check", folder / N, "-w", folder)[0] == 0
    assert run("check", folder / "scenarios" / "bad.yaml", "-w", folder)[0] == 1


def test_check_of_a_missing_file_exits_2(tmp_path: Path) -> None:
    assert run("check", tmp_path / "none.yaml", "-w", write(tmp_path))[0] == 2


def test_check_outside_a_workspace_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, output, _ = run("check")
    assert code == 1
    assert "leadloop new workspace" in output


def test_check_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from leadloop.cli import check, graph, new\n"
        "from leadloop.language.compiler import compile_workspace\n"
        f"compile_workspace(Path({str(write(tmp_path))!r})).require()\n"
        "heavy = {'sqlmodel', 'sqlalchemy', 'temporalio', 'fastapi', 'holidays', 'alembic', 'httpx'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert result.stdout == "[]\n"


def test_graph_prints_mermaid(tmp_path: Path) -> None:
    folder = write(tmp_path)
    code, output, _ = run("graph", "welcome", "-w", folder)
    assert (code, output.splitlines()[0]) == (0, "flowchart TD")
    assert run("graph", folder / N, "-w", folder)[:2] == (0, output)


def test_graph_of_an_unknown_scenario_suggests_one(tmp_path: Path) -> None:
    code, _, errors = run("graph", "wellcome", "-w", write(tmp_path))
    assert code == 1
    assert "did you mean `welcome`?" in errors


def test_new_scenario_passes_check(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert run("new", "scenario", "hello", "-w", folder)[0] == 0
    compilation = compile_workspace(folder)
    assert compilation.diagnostics == []
    assert set(compilation.require().plans) == {"welcome", "hello"}
    assert "# " in (folder / "scenarios" / "hello.yaml").read_text()


def test_new_scenario_overwrites_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path)
    run("new", "scenario", "hello", "-w", folder)
    (folder / "templates/hello/first.ja.md").unlink()
    code, _, errors = run("new", "scenario", "hello", "-w", folder)
    assert code == 1
    assert "nothing written" in errors
    assert not (folder / "templates/hello/first.ja.md").exists()


def test_new_workspace_passes_check(tmp_path: Path) -> None:
    assert run("new", "workspace", "demo", "-w", tmp_path)[0] == 0
    assert compile_workspace(tmp_path / "demo").diagnostics == []


@pytest.mark.parametrize("name", ["../up", "1st", "a b", ""])
def test_new_refuses_bad_names(tmp_path: Path, name: str) -> None:
    assert run("new", "scenario", name, "-w", write(tmp_path))[0] == 1


def test_new_scenario_needs_a_workspace(tmp_path: Path) -> None:
    code, _, errors = run("new", "scenario", "hello", "-w", tmp_path)
    assert code == 1
    assert "leadloop new workspace" in errors
