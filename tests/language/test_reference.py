"""docs/scenario-language.md says all that the compiler knows, and its examples compile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from leadloop.language.builtins import EVENTS, LEAD_FIELDS
from leadloop.language.entries import FORMS
from leadloop.language.messages import MESSAGES
from leadloop.language.results import RESULTS
from leadloop.language.schema import schema
from leadloop.language.steps import READERS
from tests.language.rich_workspace import RICH
from tests.language.workspaces import FILES, Files, compiled, scenario

PAGE = (Path(__file__).parents[2] / "docs" / "scenario-language.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    found = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def block(name: str) -> str:
    found = re.search(r"```yaml\n(.*?)```", section(name), re.DOTALL)
    assert found is not None, name
    return found[1]


def test_reference_has_a_section_per_code() -> None:
    assert re.findall(r"^### (SCN\d{3})\b", PAGE, re.MULTILINE) == sorted(MESSAGES)


def test_reference_has_a_section_per_step() -> None:
    assert re.findall(r"^### `(\w+)`", section("Steps"), re.MULTILINE) == list(READERS)


@pytest.mark.parametrize("event", EVENTS)
def test_reference_names_every_event_and_property(event: str) -> None:
    text = section("Matching events")
    assert re.search(rf"`{event}\b", text)
    assert all(name in text for name in EVENTS[event])


@pytest.mark.parametrize("name", LEAD_FIELDS)
def test_reference_names_every_lead_field(name: str) -> None:
    assert re.search(rf"\b{name}\b", section("Conditions"))


@pytest.mark.parametrize("form", FORMS)
def test_reference_names_every_form_of_entry(form: str) -> None:
    assert f"`{{{form}: " in section("Entries")


@pytest.mark.parametrize("kind", RESULTS)
def test_reference_names_the_results_of_steps(kind: str) -> None:
    assert re.search(rf"^\|[^|]*`{kind}`", section("Conditions"), re.MULTILINE)


def test_reference_examples_compile(tmp_path: Path) -> None:
    assert compiled(tmp_path / "a", {"scenarios/scoring.yaml": block("scoring.yaml")}).errors == []
    assert compiled(tmp_path / "b", {"scenarios/lifecycle.yaml": block("lifecycle.yaml")}).errors == []
    assert compiled(tmp_path / "c", {"scenarios/streams.yaml": block("streams.yaml")}).errors == []
    assert compiled(tmp_path / "g", {"scenarios/segments.yaml": block("segments.yaml")}).errors == []
    segments = {
        "scenarios/segments.yaml": "".join(
            f"{name}: {{when: lead.in_sales}}\n" for name in ("newsletter", "customers")
        )
    }
    maps = FILES["scenarios/welcome.yaml"].replace("goal: {stage: mql}\n", block("Conditions"))
    assert compiled(tmp_path / "m", {"scenarios/welcome.yaml": maps, **segments}).errors == []


def step_sections() -> dict[str, str]:
    parts = re.split(r"^### `(\w+)`\n", section("Steps"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("kind", READERS)
def test_reference_example_of_a_step_compiles(tmp_path: Path, kind: str) -> None:
    found = re.findall(r"```yaml\n(.*?)```", step_sections()[kind], re.DOTALL)
    assert found, "every step has an example"
    steps = (
        "  - id: thanks\n    send: {template: mail/thanks}\n"
        + re.sub("^(?=.)", "  ", found[0], flags=re.M)
        + "  - id: case\n    send: {template: mail/case}\n"
    )
    start = "  - {stage: customer, start: case}\n"  # `go` and `exit` would leave it alone
    entry = scenario(steps)["scenarios/welcome.yaml"]
    files: Files = {
        "scenarios/welcome.yaml": str(entry).replace("goal:", f"{start}goal:"),
        "scenarios/other.yaml": (
            "scenario: other\ntopic: nurture\nentry: [{manual: true}]\nsteps: [{stage: mql}]\n"
        ),
    }
    errors = compiled(tmp_path, {**RICH, **files}).errors
    assert [one.render() for one in errors] == []


@pytest.mark.parametrize("one", schema("scenario")["$defs"]["step"]["oneOf"], ids=list(READERS))
def test_reference_names_every_setting_of_a_step(one: dict[str, Any]) -> None:
    kind = one["title"].split("`")[1]
    body = one["properties"][kind].get("properties", {})
    text = step_sections()[kind]
    assert [name for name in body if not re.search(rf"\b{name}\b", text)] == []


def test_reference_says_how_editors_find_the_schema() -> None:
    assert "# yaml-language-server: $schema=" in section("Editors")


def test_reference_tells_the_settings_of_the_workspace() -> None:
    keys = re.findall(r"^(\w+):", FILES["scenarios/workspace.yaml"], re.MULTILINE)
    assert all(f"| `{key}` |" in section("workspace.yaml") for key in keys)
