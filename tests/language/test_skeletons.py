"""First files in both languages: they compile without a word, and differ in words only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest

from leadloop.language.compiler import compile_workspace
from leadloop.language.skeletons import SkeletonError, scenario_files, workspace_files


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def settings(text: str) -> list[str]:
    """Return the settings of a YAML file, in their order."""
    return re.findall(r"([\w-]+):", re.sub(r"#.*", "", text))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_first_workspace_compiles_without_a_problem(tmp_path: Path, language: Literal["en", "ja"]) -> None:
    write(tmp_path, workspace_files("acme", language))
    assert compile_workspace(tmp_path).diagnostics == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_first_scenario_is_in_the_language_of_its_workspace(
    tmp_path: Path, language: Literal["en", "ja"]
) -> None:
    write(tmp_path, workspace_files("acme", language))
    files = scenario_files(tmp_path, "trial")
    write(tmp_path, files)
    assert f"templates/trial/first.{language}.md" in files
    assert ("ファイル" in files["scenarios/trial.yaml"]) == (language == "ja")
    assert compile_workspace(tmp_path).errors == []


def test_first_workspaces_have_the_same_files_and_settings() -> None:
    english, japanese = workspace_files("acme", "en"), workspace_files("acme", "ja")
    assert [path.replace(".ja.", ".en.") for path in japanese] == list(english)
    for path in (one for one in english if one.endswith(".yaml")):
        assert settings(japanese[path]) == settings(english[path])


def test_first_workspace_refuses_a_name_that_no_file_can_have() -> None:
    with pytest.raises(SkeletonError, match="cannot be a name"):
        workspace_files("資料", "ja")
