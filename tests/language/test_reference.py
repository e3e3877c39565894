"""docs/scenario-language.md says all that the compiler knows, and its examples compile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leadloop.language.builtins import EVENTS, LEAD_FIELDS
from leadloop.language.entries import FORMS
from leadloop.language.messages import MESSAGES
from leadloop.language.results import RESULTS
from leadloop.language.steps import READERS
from tests.language.workspaces import FILES, compiled, scenario

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
    steps = (
        "  - id: thanks\n    send: {template: mail/thanks}\n"
        + re.sub("^", "  ", block("Steps"), flags=re.M)
        + "\n  - id: case\n    send: {template: mail/case}\n"
    )
    assert compiled(tmp_path / "d", scenario(steps)).errors == []


def test_reference_tells_the_settings_of_the_workspace() -> None:
    keys = re.findall(r"^(\w+):", FILES["scenarios/workspace.yaml"], re.MULTILINE)
    assert all(f"| `{key}` |" in section("workspace.yaml") for key in keys)
