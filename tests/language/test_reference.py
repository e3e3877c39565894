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
from leadloop.language.schema import KINDS, schema
from leadloop.language.steps import READERS
from tests.language.rich_workspace import RICH
from tests.language.workspaces import FILES, MAIL, Files, compiled, scenario

PAGE = (Path(__file__).parents[2] / "docs" / "scenario-language.md").read_text(encoding="utf-8")

SHARED = ("id", "title", "journey_stage", "allow")


def section(name: str) -> str:
    found = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def block(name: str, language: str = "yaml") -> str:
    found = re.search(rf"```{language}\n(.*?)```", section(name), re.DOTALL)
    assert found is not None, name
    return found[1]


def test_reference_has_a_section_per_code() -> None:
    assert re.findall(r"^### (SCN\d{3})\b", PAGE, re.MULTILINE) == sorted(MESSAGES)


@pytest.mark.parametrize("code", MESSAGES)
def test_reference_has_an_anchor_where_sarif_links_to(code: str) -> None:
    assert f'<a id="{code.lower()}"></a>\n### {code} ' in PAGE


def test_reference_explains_every_code() -> None:
    parts = re.split(r"^### (SCN\d{3}) .+\n", section("Diagnostics"), flags=re.MULTILINE)
    texts = [re.sub(r"<a id=.*", "", text).strip() for text in parts[2::2]]
    assert [code for code, text in zip(parts[1::2], texts, strict=True) if not text] == []


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


WELCOME = str(FILES["scenarios/welcome.yaml"])
ENTRY = "entry:\n  - {event: form_submitted, form: whitepaper}\n"
NEWSLETTER = "newsletter: {when: lead.in_sales}\n"
OF_THE_PAGE: dict[str, Files] = {
    "workspace.yaml": {"scenarios/workspace.yaml": block("workspace.yaml")},
    "A scenario": {
        "scenarios/workspace.yaml": block("workspace.yaml"),
        "scenarios/seminar.yaml": block("A scenario"),
        **{f"templates/seminar/{name}.ja.md": MAIL for name in ("thanks", "reminder")},
    },
    "Entries": {
        "scenarios/welcome.yaml": WELCOME.replace(ENTRY, block("Entries")),
        "scenarios/segments.yaml": NEWSLETTER,
    },
    "Matching events": {
        "scenarios/welcome.yaml": WELCOME.replace("goal:", block("Matching events") + "goal:")
    },
    "Templates": {"templates/mail/case.ja.md": block("Templates", "markdown")},
}
"""Section -> the files that its example makes of the small workspace."""


@pytest.mark.parametrize("name", OF_THE_PAGE)
def test_reference_example_compiles(tmp_path: Path, name: str) -> None:
    files = OF_THE_PAGE[name]
    assert any(
        block(name, "markdown" if name == "Templates" else "yaml") in str(text) for text in files.values()
    )
    assert [one.render() for one in compiled(tmp_path, files).errors] == []


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


def settings(node: Any, found: set[str]) -> set[str]:
    """Return the names of all settings in a schema, but for what it refers to."""
    if isinstance(node, dict):
        found |= set(node.get("properties", {}))
        for value in node.values():
            settings(value, found)
    elif isinstance(node, list):
        for value in node:
            settings(value, found)
    return found


def missing(names: set[str], text: str) -> list[str]:
    return sorted(name for name in names if not re.search(rf"\b{name}\b", text))


@pytest.mark.parametrize("one", schema("scenario")["$defs"]["step"]["oneOf"], ids=list(READERS))
def test_reference_names_every_setting_of_a_step(one: dict[str, Any]) -> None:
    kind = one["title"].split("`")[1]
    own = {name: value for name, value in one["properties"].items() if name not in SHARED}
    assert missing(settings({"properties": own}, set()) - {"of", "where"}, step_sections()[kind]) == []


@pytest.mark.parametrize("name", SHARED)
def test_reference_names_the_settings_that_all_steps_have(name: str) -> None:
    assert f"`{name}`" in section("A scenario")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "scenario"])
def test_reference_names_every_setting_of_a_shared_file(kind: str) -> None:
    properties = schema(kind)["properties"]
    names = settings(properties, set(properties)) - {"where", "allow"}
    assert missing(names, section(f"{kind}.yaml")) == []


@pytest.mark.parametrize("name", schema("scenario")["properties"])
def test_reference_has_a_row_per_setting_of_a_scenario(name: str) -> None:
    rows = re.findall(r"^\| (`.+?`) \|", section("A scenario"), re.MULTILINE)
    assert f"`{name}`" in ", ".join(rows)


@pytest.mark.parametrize("name", ["reentry", "on_edit"])
def test_reference_names_the_settings_within_a_setting_of_a_scenario(name: str) -> None:
    assert missing(settings(schema("scenario")["properties"][name], set()), section("A scenario")) == []


def test_reference_names_every_setting_of_an_entry() -> None:
    entry = schema("scenario")["properties"]["entry"]["items"]
    assert missing(settings(entry, set()) - {"where"}, section("Entries")) == []


def test_reference_names_every_setting_of_a_condition() -> None:
    names = settings(schema("scenario")["$defs"]["condition"], set())
    assert missing(names, section("Conditions")) == []


def test_reference_says_how_editors_find_the_schema() -> None:
    assert "# yaml-language-server: $schema=" in section("Editors")


def test_reference_tells_the_settings_of_the_workspace() -> None:
    keys = re.findall(r"^(\w+):", FILES["scenarios/workspace.yaml"], re.MULTILINE)
    assert all(f"| `{key}` |" in section("workspace.yaml") for key in keys)


def test_reference_shows_what_check_prints(tmp_path: Path) -> None:
    shown = re.search(r"\$ leadloop check\n(.*?)\n\n1 error", section("Checking"), re.DOTALL)
    assert shown is not None
    broken = WELCOME.replace("go: tips", "go: tpis")
    found = compiled(tmp_path, {"scenarios/welcome.yaml": broken}).errors
    assert shown[1] in [one.render() for one in found]
