"""README, README.ja and CONTRIBUTING name what is there."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from leadloop.cli.main import Commands
from leadloop.language.compiler import compile_workspace

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.ja.md")
SHARED = {"workspace", "scoring", "lifecycle", "streams", "segments"}


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", READMES)
@pytest.mark.parametrize("command", [one.name for one in Commands.table])
def test_readme_has_every_command(name: str, command: str) -> None:
    rows = "".join(re.findall(r"^\| `leadloop .+$", page(name), re.MULTILINE))
    assert re.search(rf"`(leadloop )?{command}\b", rows)


@pytest.mark.parametrize("name", READMES)
def test_readme_has_every_shipped_scenario(name: str) -> None:
    shipped = {path.stem for path in (ROOT / "scenarios").glob("*.yaml")} - SHARED
    named = re.findall(r"^\| \[`([\w-]+)`\]\(scenarios/\1\.yaml\)", page(name), re.MULTILINE)
    assert sorted(named) == sorted(shipped)


@pytest.mark.parametrize("name", READMES)
def test_readme_shows_the_scenario_of_its_picture(name: str) -> None:
    found = re.search(r"```yaml\n(.*?)```", page(name), re.DOTALL)
    assert found is not None
    assert found[1] == page("scenarios/whitepaper-nurture.yaml")


def test_readmes_have_the_same_settings() -> None:
    names = [
        re.findall(r"^\| (`(?:LEADLOOP|TEMPORAL)_[^|]+?) \|", page(name), re.MULTILINE) for name in READMES
    ]
    english, japanese = ([re.findall(r"`([A-Z_…]+)`", row) for row in rows] for rows in names)
    assert english == japanese
    assert ["LEADLOOP_HOST", "LEADLOOP_PORT"] in english


def test_readmes_first_scenario_has_its_commands() -> None:
    blocks = [re.findall(r"^(make setup[^`]+)", page(name), re.MULTILINE)[0] for name in READMES]
    commands = [[line.partition("#")[0].strip() for line in block.splitlines()] for block in blocks]
    assert commands[0] == commands[1]


def python_blocks() -> list[str]:
    found = re.findall(r"^   ```python\n(.*?)^   ```", page("CONTRIBUTING.md"), re.MULTILINE | re.DOTALL)
    return [dedent(block) for block in found]


def test_contributing_shows_a_step_in_all_its_places() -> None:
    assert len(python_blocks()) == 6


@pytest.mark.parametrize("block", python_blocks())
def test_contributing_shows_code_that_is_there(block: str) -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "leadloop").rglob("*.py"))
    assert any(plain(block) in plain(source) for source in sources)


def plain(code: str) -> str:
    """Return code without its indentation."""
    return "\n".join(line.strip() for line in code.splitlines())


def test_gallery_shows_every_shipped_scenario() -> None:
    pictures = re.findall(r"!\[.+\]\(gallery/([\w-]+)\.svg\)", page("docs/gallery.md"))
    assert sorted(pictures) == sorted(compile_workspace(ROOT).require().plans)
