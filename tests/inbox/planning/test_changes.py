"""What counts as a change of a step, a scenario, a part."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadloop.inbox.planning.changes import ORDER, ScenarioChange, part_changes, scenario_changes
from leadloop.language.plan import Publication
from tests.language.workspaces import SCENARIO, compiled

N = "scenarios/welcome.yaml"
CASE = "  - id: case\n    send: {template: mail/case}\n"


def publication(folder: Path, *edits: tuple[str, str]) -> Publication:
    """Compile the small workspace with its scenario edited."""
    text = SCENARIO
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return compiled(folder, {N: text}).require()


def change(tmp_path: Path, *edits: tuple[str, str]) -> ScenarioChange | None:
    found = scenario_changes(publication(tmp_path / "old"), publication(tmp_path / "new", *edits))
    assert len(found) <= 1
    return found[0] if found else None


def steps(found: ScenarioChange | None) -> list[tuple[str, str]]:
    assert found is not None
    return [(step.change, step.step) for step in found.steps]


def test_changes_of_equal_files_are_none(tmp_path: Path) -> None:
    assert change(tmp_path) is None


def test_changes_by_a_comment_are_none(tmp_path: Path) -> None:
    assert change(tmp_path, ("  - id: case", "  # 導入事例\n  - id: case")) is None


def test_changes_name_an_inserted_step_alone(tmp_path: Path) -> None:
    found = change(tmp_path, ("  - id: case", "  - id: rest\n    wait: 3 days\n  - id: case"))
    assert steps(found) == [("added", "rest")]


def test_changes_name_a_removed_step(tmp_path: Path) -> None:
    found = change(tmp_path, (CASE, ""))
    assert steps(found) == [("removed", "case")]


def test_changes_name_a_changed_step(tmp_path: Path) -> None:
    found = change(tmp_path, ("timeout: 5 days", "timeout: 6 days"))
    assert steps(found) == [("changed", "read")]


def test_changes_name_another_target(tmp_path: Path) -> None:
    assert steps(change(tmp_path, ("go: tips", "go: case"))) == [("changed", "read")]


def test_changes_name_settings_above_the_steps(tmp_path: Path) -> None:
    found = change(tmp_path, ("topic: nurture", "title: ようこそ\ntopic: nurture\npriority: 60"))
    assert found is not None
    assert (found.steps, found.settings) == ((), ("title", "priority"))


def test_changes_name_another_order(tmp_path: Path) -> None:
    thanks = "  - id: thanks\n    send: {template: mail/thanks, topic: service}\n"
    found = change(
        tmp_path,
        (thanks, ""),
        ("  - id: tips\n", thanks + "  - id: tips\n"),
        (CASE, ""),
        ("steps:\n", "steps:\n" + CASE),
        (", of: thanks", ", of: case"),
    )
    assert found is not None
    assert steps(found) == [("changed", "read")]
    same = change(tmp_path / "b", (CASE, ""), ("steps:\n", "steps:\n" + CASE))
    assert same is not None
    assert (same.steps, same.settings) == ((), (ORDER,))


def test_changes_of_added_and_removed_scenarios(tmp_path: Path) -> None:
    old = publication(tmp_path / "old")
    new = publication(tmp_path / "new", ("scenario: welcome", "scenario: renewal"))
    found = scenario_changes(old, new)
    assert [(one.scenario, one.change) for one in found] == [("renewal", "added"), ("welcome", "removed")]
    assert {step.change for step in found[0].steps} == {"added"}
    assert [one.change for one in scenario_changes(None, new)] == ["added"]


@pytest.mark.parametrize("before", [{}, {"plan:a": "1", "source:a": "1"}])
def test_part_changes_leave_sources_out(before: dict[str, str]) -> None:
    after = {"plan:a": "2", "plan:b": "1", "source:a": "2"}
    found = part_changes(before, after)
    assert found == {
        "added": ["plan:b"] if before else ["plan:a", "plan:b"],
        "changed": ["plan:a"] if before else [],
        "removed": [],
    }
