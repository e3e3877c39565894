"""New versions of a drawn scenario: other times, other names, one more step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.language.documents import SPANS
from tests.model.actions import Drawn, Edit


def edited(drawn: Drawn, number: int, edit: Edit) -> Drawn:
    """Return the next version of `welcome`: its times are others, and it has one more step at its end."""
    later = {"id": f"new-{number}", "send": {"template": "mail/case"}}
    changed: dict[str, Any] = _retimed(drawn.welcome, number)
    names = [one["id"] for one in changed["steps"]]
    on_edit: dict[str, Any] = {"default": edit.on_edit}
    if edit.renames != "nothing":
        old, new = names[edit.step % len(names)], f"part-{number}"
        changed = _renamed(changed, old, new)
        others = [name for name in names if name != old]
        if edit.renames == "mapped":
            on_edit["steps"] = {old: new}
        elif edit.renames == "elsewhere":
            on_edit["steps"] = {old: others[number % len(others)]}
    return replace(drawn, welcome={**changed, "on_edit": on_edit, "steps": [*changed["steps"], later]})


def _renamed(node: Any, old: str, new: str) -> Any:
    """Call a step otherwise wherever it is named."""
    if isinstance(node, dict):
        return {_renamed(name, old, new): _renamed(value, old, new) for name, value in node.items()}
    if isinstance(node, list):
        return [_renamed(value, old, new) for value in node]
    if not isinstance(node, str):
        return node
    fact = f"run.{new.replace('-', '_')}."
    return new if node == old else node.replace(f"run.{old.replace('-', '_')}.", fact)


def _retimed(node: Any, number: int, under: str = "") -> Any:
    if isinstance(node, dict):
        return {name: _retimed(value, number, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_retimed(value, number) for value in node]
    if under in ("wait", "timeout", "every") and node in SPANS:
        return SPANS[(SPANS.index(node) + number) % len(SPANS)]
    return node
