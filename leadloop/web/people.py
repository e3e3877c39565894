"""What people say about themselves, as a form or an `identify` event brings it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leadloop.language.plan import Workspace
from leadloop.language.suggest import Suggestion
from leadloop.leads.fields import READERS, read_identity

_YES = frozenset({"true", "1", "yes", "on", "はい"})
_NO = frozenset({"false", "0", "no", "off", "いいえ"})


def read_fields(
    fields: Mapping[str, Any], workspace: Workspace
) -> tuple[dict[str, Any], tuple[str, str] | None]:
    """Return lead fields as they are stored, or the first one that is wrong, with what is wrong.

    The address is not among them: an event names it beside its fields.
    """
    allowed = [*(name for name in READERS if name != "email"), *workspace.lead_fields]
    for name in fields:
        if name not in allowed:
            return {}, (name[:60], f"unknown field; {Suggestion(name[:60], allowed)}")
    read = read_identity(fields, workspace)
    return read.values, next(iter(read.problems.items()), None)


def read_consent(answer: Any, workspace: Workspace) -> tuple[bool | list[str] | None, str | None]:
    """Return what was agreed to (True: every topic that asks for it), or a problem."""
    if answer is None or answer is False or answer == "":
        return None, None
    if answer is True:
        return True, None
    topics = [answer] if isinstance(answer, str) else answer
    if not isinstance(topics, list) or not all(isinstance(one, str) for one in topics):
        return None, "expected true or a list of topics"
    topics = [one for one in topics if one and one.lower() not in _NO]
    if any(one.lower() in _YES for one in topics):
        return True, None
    for topic in topics:
        if topic not in workspace.topics:
            return None, f"no such topic; {Suggestion(topic[:60], workspace.topics)}"
    return topics or None, None
