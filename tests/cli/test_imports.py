from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from leadloop.cli.imports import import_file
from tests.factories import make_environment

app = typer.Typer()
app.command("import")(import_file)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    env = make_environment(tmp_path)
    env.database.close()
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", env.database.url)
    monkeypatch.setenv("LEADLOOP_STATE", str(tmp_path))
    path = tmp_path / "名簿.csv"
    path.write_text("メールアドレス,姓,靴\ntaro@acme.example,山田,27\nnobody,佐藤,26\n", encoding="cp932")
    return path


def test_import_prints_problems_and_counts(file: Path) -> None:
    result = CliRunner().invoke(app, [str(file)])
    assert result.exit_code == 1
    assert f"{file}:3 (email): not a mail address" in result.output
    assert "columns that no lead field is named like: 靴" in result.output
    assert "2 rows (cp932): 1 leads created, 0 updated, 0 unchanged, 1 rows refused" in result.output


def test_import_prints_one_json_document(file: Path) -> None:
    result = CliRunner().invoke(app, [str(file), "--json", "--dry-run"])
    report = json.loads(result.stdout)
    assert (report["created"], report["refused"], report["dry_run"]) == (1, 1, True)
    assert report["problems"][0]["line"] == 3
    again = json.loads(CliRunner().invoke(app, [str(file), "--json"]).stdout)
    assert again["created"] == 1


def test_import_succeeds_without_problems(file: Path) -> None:
    file.write_text("email\ntaro@acme.example\n")
    assert CliRunner().invoke(app, [str(file)]).exit_code == 0


def test_import_names_a_file_it_cannot_read(file: Path) -> None:
    result = CliRunner().invoke(app, [str(file.parent / "nothing.csv")])
    assert result.exit_code == 1
    assert "cannot read the file" in result.output


def test_import_needs_a_publication(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLOOP_STATE", str(tmp_path / "new"))
    result = CliRunner().invoke(app, [str(tmp_path / "leads.csv")])
    assert result.exit_code == 1
    assert "leadloop up" in result.output
