"""The workspace in which an example happens: that of the language's tests, with what was drawn."""

from __future__ import annotations

from random import Random

from tests.language.documents import WORKSPACE_FILES, dump, files_of
from tests.language.rich_workspace import W
from tests.language.workspaces import Files
from tests.model.actions import Drawn

CAPS: tuple[dict[str, str], ...] = (
    {"nurture": "2 per 7 days"},
    {"nurture": "1 per 1 day"},
    {"all": "1 per 3 days", "nurture": "2 per 7 days"},
    {},
)

SCORING = """\
models:
  engagement:
    rules:
      - {id: visit, event: page_viewed, points: 3, at_most: 1 per day}
      - {id: price, event: page_viewed, path: /price*, points: 8}
      - {id: click, event: email_clicked, points: 5, at_most: 1 per message}
      - {id: inquiry, event: form_submitted, form: contact, points: 12}
      - {id: refusal, event: unsubscribed, points: -10}
    decay: {half_life: 30 days}
    cap: 100
  fit:
    attributes:
      - {id: size, when: lead.employees >= 100, points: 20}
bands:
  engagement: {levels: {hot: 30, warm: 15, cold: 0}, hysteresis: 5}
"""
"""Points that come and go quickly, so that leads pass bands and segments within an example."""


def files(drawn: Drawn) -> Files:
    """Return the workspace with what was drawn."""
    found = {**files_of(dump(drawn.welcome, Random(0))), "scenarios/scoring.yaml": SCORING}
    caps = ", ".join(f"{name}: {cap}" for name, cap in drawn.caps.items())
    written = "{frequency: {nurture: 2 per 7 days}"
    workspace = WORKSPACE_FILES[W]
    assert isinstance(workspace, str)
    assert written in workspace
    workspace = workspace.replace(written, f"{{frequency: {{{caps}}}")
    registered = "  seminar_registered: {seminar: seminar}\n"
    found[W] = workspace.replace(registered, registered + registered.replace("registered", "cancelled"))
    if drawn.other is not None:
        found["scenarios/other.yaml"] = dump(drawn.other, Random(0))
    return found
