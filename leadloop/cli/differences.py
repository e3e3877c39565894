"""What `leadloop diff` shows: the parts that differ, and the YAML and templates behind them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from leadloop.inbox.planning.changes import Change, ScenarioChange, part_changes, scenario_changes
from leadloop.language.plan import Plan, Publication

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_FILES = {
    "workspace": "scenarios/workspace.yaml",
    "scoring": "scenarios/scoring.yaml",
    "lifecycle": "scenarios/lifecycle.yaml",
    "streams": "scenarios/streams.yaml",
    "segments": "scenarios/segments.yaml",
}


@dataclass(frozen=True)
class Difference:
    """One part that differs, with a unified diff of its source; empty where no source is stored."""

    part: str
    """`plan:welcome`, `template:tips/1.ja.md`, `workspace`."""
    change: Change
    scenario: ScenarioChange | None
    text: str


def differences(
    old: Publication, new: Publication, names: tuple[str, str], only: str | None = None
) -> list[Difference]:
    """Return what differs between two publications, or in one scenario; `names` go above each diff."""
    scenarios = {one.scenario: one for one in scenario_changes(old, new)}
    changes = part_changes(old.digests(), new.digests())
    return [
        Difference(part, change, scenarios.get(part.removeprefix("plan:")), _text(part, old, new, names))
        for part, change in sorted((part, change) for change, parts in changes.items() for part in parts)
        if only is None or part == f"plan:{only}"
    ]


def _text(part: str, old: Publication, new: Publication, names: tuple[str, str]) -> str:
    kind, _, name = part.partition(":")
    if kind == "template":
        file = f"templates/{name}"
        return _unified(old.templates.get(name, ""), new.templates.get(name, ""), file, names)
    if kind != "plan":
        file = _FILES[kind]
        return _unified(old.sources.get(file, ""), new.sources.get(file, ""), file, names)
    before, after = _source_of(old, name), _source_of(new, name)
    file = after[0] or before[0]
    lines = _unified(before[1], after[1], file, names).splitlines()
    return "\n".join(_with_steps(lines, old.plans.get(name), new.plans.get(name)))


def _source_of(publication: Publication, scenario: str) -> tuple[str, str]:
    """Return the file of a scenario and its text; a file may have another name than its scenario."""
    head = re.compile(rf"^scenario:\s*[\"']?{re.escape(scenario)}[\"']?\s*(?:#.*)?$", re.MULTILINE)
    found = [(path, text) for path, text in publication.sources.items() if head.search(text)]
    return min(found, default=("", ""))


def _unified(before: str, after: str, file: str, names: tuple[str, str]) -> str:
    return "\n".join(
        difflib.unified_diff(
            before.splitlines(),
            after.splitlines(),
            f"{file} ({names[0]})",
            f"{file} ({names[1]})",
            lineterm="",
        )
    )


def _with_steps(lines: list[str], old: Plan | None, new: Plan | None) -> Iterator[str]:
    """Yield the lines with the step that each hunk's first change is in behind its `@@`."""
    for at, line in enumerate(lines):
        found = _HUNK.fullmatch(line)
        if found is None:
            yield line
            continue
        same = 0
        for following in lines[at + 1 :]:
            if not following.startswith(" "):
                break
            same += 1
        step = _step_at(new, int(found[3]) + same) or _step_at(old, int(found[1]) + same)
        yield f"{line} {step}" if step else line


def _step_at(plan: Plan | None, line: int) -> str:
    """Return the last step that begins at a line or before it."""
    begun = [(step.line, step.id) for step in plan.steps.values() if 0 < step.line <= line] if plan else []
    return max(begun, default=(0, ""))[1]
