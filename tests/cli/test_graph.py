"""`leadloop graph` as a person calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from lxml import etree
from typer.testing import CliRunner

from leadloop.cli.graph import graph
from tests.language.workspaces import WORKSPACE, edited, write

app = typer.Typer()
app.command()(graph)
runner = CliRunner()
N = "scenarios/welcome.yaml"
W = "scenarios/workspace.yaml"


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments], env={"LC_ALL": "C"})
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("picture_format", "begins"),
    [("mermaid", "flowchart TD\n"), ("svg", "<svg "), ("html", "<!doctype html>\n")],
)
def test_graph_prints_each_format(tmp_path: Path, picture_format: str, begins: str) -> None:
    code, output, errors = run("welcome", "-w", write(tmp_path), "--format", picture_format)
    assert (code, errors) == (0, "")
    assert output.startswith(begins)
    assert output.endswith("\n")


def test_graph_prints_mermaid_without_a_format(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert run("welcome", "-w", folder) == run("welcome", "-w", folder, "--format", "mermaid")


def test_graph_writes_the_same_bytes_to_a_file(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert run("welcome", "-w", folder, "-f", "svg", "-o", tmp_path / "a.svg") == (0, "", "")
    run(folder / N, "-w", folder, "-f", "svg", "--output", tmp_path / "b.svg")
    written = (tmp_path / "a.svg").read_bytes()
    assert written == (tmp_path / "b.svg").read_bytes()
    assert written.decode() == run("welcome", "-w", folder, "-f", "svg")[1]
    assert b"\r" not in written
    assert etree.fromstring(written).get("role") == "img"


def test_graph_is_the_same_in_every_process(tmp_path: Path) -> None:
    folder = write(tmp_path)
    outputs = set()
    for seed in ("0", "1", "77"):
        arguments = ["graph", "welcome", "-f", "html", "-w", str(folder)]
        program = f"from leadloop.cli.main import app; app({arguments!r})"
        result = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
        )
        outputs.add(result.stdout)
    assert len(outputs) == 1


def test_graph_tells_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    code, output, errors = run("welcome", "-w", write(tmp_path), "-o", tmp_path / "missing" / "a.svg")
    assert (code, output) == (1, "")
    assert "a.svg: No such file or directory" in errors


def test_graph_speaks_the_language_of_the_workspace(tmp_path: Path) -> None:
    japanese = write(tmp_path / "ja")
    assert "期限 5 日" in run("welcome", "-w", japanese)[1]
    assert "timeout 5 days" in run("welcome", "-w", japanese, "--lang", "en")[1]
    english = {W: WORKSPACE.replace("locale: ja", "locale: en")}
    folder = write(tmp_path / "en", english)
    for path in list((folder / "templates").rglob("*.ja.*")):
        path.rename(path.with_name(path.name.replace(".ja.", ".en.")))
    assert "timeout 5 days" in run("welcome", "-w", folder)[1]
    assert "期限 5 日" in run("welcome", "-w", folder, "--lang", "ja")[1]
    assert '<html lang="en">' in run("welcome", "-w", folder, "-f", "html")[1]


def test_graph_of_an_unknown_scenario_suggests_one(tmp_path: Path) -> None:
    code, output, errors = run("wellcome", "-w", write(tmp_path), "--format", "svg")
    assert (code, output) == (1, "")
    assert "there is no scenario `wellcome`; did you mean `welcome`?" in errors


def test_graph_of_a_workspace_with_errors_prints_them(tmp_path: Path) -> None:
    code, output, errors = run("welcome", "-w", write(tmp_path, edited(N, "go: tips", "go: tpis")))
    assert (code, output) == (1, "")
    assert "SCN402" in errors


def test_graph_json_is_the_drawing_as_data(tmp_path: Path) -> None:
    code, output, _ = run("welcome", "-w", write(tmp_path), "--json")
    assert code == 0
    document = json.loads(output)
    assert document["scenario"] == "welcome"
    assert [node["step"] for node in document["nodes"]] == [None, "thanks", "read", "case", "tips", None]
    assert {"source": "step:read", "target": "step:case", "reasons": ["期限 5 日"], "waits": []} in document[
        "arrows"
    ]


def test_graph_json_tells_errors_as_json(tmp_path: Path) -> None:
    code, output, errors = run("wellcome", "-w", write(tmp_path), "--json")
    assert (code, errors) == (1, "")
    assert json.loads(output)["scenarios"] == ["welcome"]
    assert "did you mean `welcome`?" in json.loads(output)["error"]
    code, output, errors = run("welcome", "-w", write(tmp_path, edited(N, "go: tips", "go: tpis")), "--json")
    assert (code, errors) == (1, "")
    assert json.loads(output)["diagnostics"][0]["code"] == "SCN402"


def test_graph_json_is_not_written_to_a_file(tmp_path: Path) -> None:
    code, _, errors = run("welcome", "-w", write(tmp_path), "--json", "-o", tmp_path / "a.json")
    assert code == 2
    assert "leave out --output" in errors
