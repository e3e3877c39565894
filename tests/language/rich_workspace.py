"""The valid workspace with everything that steps can name, and one scenario of given steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leadloop.language.compiler import Compilation
from tests.language.workspaces import FILES, MAIL, Files, compiled, scenario

W = "scenarios/workspace.yaml"
WORKSPACE = (
    FILES[W]
    .replace("tags: [vip]", "tags: [vip, partner]\nwebhooks: {crm: {title: 顧客管理}}")
    .replace(
        "  form_submitted:",
        "  reactivated: {why: text, day: date, at: datetime, count: int, loud: bool, kind: form}\n"
        "  form_submitted:",
    )
)
RICH: Files = {W: WORKSPACE, "templates/notify/hot.ja.md": MAIL}


def check(folder: Path, steps: str, header: str = "", more: Files | None = None) -> Compilation:
    """Compile the steps in the rich workspace."""
    return compiled(folder, {**RICH, **scenario(steps, header), **(more or {})})


def steps_of(folder: Path, steps: str, header: str = "") -> dict[str, Any]:
    """Return the compiled steps by id; there must be no error."""
    compilation = check(folder, steps, header)
    assert compilation.errors == [], [one.render() for one in compilation.errors]
    return dict(compilation.require().plans["welcome"].steps)


def problems(folder: Path, steps: str, header: str = "", more: Files | None = None) -> list[tuple[str, str]]:
    """Return (code, what is wrong and what to write) of every problem of the scenario."""
    found = check(folder, steps, header, more).diagnostics
    return [(one.code, f"{one.message} {one.hint}") for one in found]
