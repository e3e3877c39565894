"""First files for authors: a commented scenario with its mails, and a whole workspace.

The texts are package data beside this module, each in English and Japanese. `@NAME@` and the like are
replaced.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from leadloop.language.diagnostics import Report
from leadloop.language.fields import NAME
from leadloop.language.files import WORKSPACE
from leadloop.language.messages import Language
from leadloop.language.plan import Workspace
from leadloop.language.reading import decode, read
from leadloop.language.workspace import read_workspace


class SkeletonError(Exception):
    """Nothing can be written; the message says what to do."""


def workspace_files(name: str, language: Language = "en") -> dict[str, str]:
    """Return path -> text of a first workspace with mails and comments in `language`.

    Raises `SkeletonError` for a bad name.
    """
    _check_name(name)
    texts = {
        "scenarios/workspace.yaml": f"workspace.{language}.yaml",
        "scenarios/scoring.yaml": f"scoring.{language}.yaml",
        "scenarios/lifecycle.yaml": f"lifecycle.{language}.yaml",
        "scenarios/streams.yaml": f"streams.{language}.yaml",
        "scenarios/welcome.yaml": f"scenario.{language}.yaml",
        f"templates/tips/first.{language}.md": f"tip.{language}.md",
        f"templates/welcome/first.{language}.md": f"first.{language}.md",
        f"templates/welcome/second.{language}.md": f"second.{language}.md",
        f"templates/layouts/default.{language}.html.j2": f"layout.{language}.html.j2",
    }
    words = {
        "NAME": "welcome",
        "WORKSPACE": name,
        "TOPIC": "nurture",
        "EVENT": "form_submitted",
        "ENTRY": "{event: form_submitted, form: contact}",
        "ANSWER": ", topic: service",
    }
    return {path: _text(source, words) for path, source in texts.items()}


def scenario_files(folder: Path, name: str) -> dict[str, str]:
    """Return path -> text of a first scenario for the workspace in `folder`.

    It uses the workspace's own first topic, form and language. Raises `SkeletonError` for a bad
    name, and where there is no workspace that can be read.
    """
    _check_name(name)
    workspace = _workspace(folder)
    topic = next(iter(workspace.topics), None)
    if topic is None:
        raise SkeletonError(f"{WORKSPACE} declares no topic; add one first")
    entry = "{event: lead_created}"
    if "form_submitted" in workspace.events:
        forms = [f", form: {form}" for form in workspace.forms] or [""]
        with_form = "form" in workspace.events["form_submitted"]
        entry = f"{{event: form_submitted{forms[0] if with_form else ''}}}"
    answers = [one for one, spec in workspace.topics.items() if "request" in spec.basis]
    answer = f", topic: {answers[0]}" if answers and "form_submitted" in entry else ""
    words = {
        "NAME": name, "WORKSPACE": workspace.name, "TOPIC": topic, "ENTRY": entry, "ANSWER": answer,
    }  # fmt: skip
    language = "ja" if workspace.locale.startswith("ja") else "en"
    return {
        f"scenarios/{name}.yaml": _text(f"scenario.{language}.yaml", words),
        f"templates/{name}/first.{workspace.locale}.md": _text(f"first.{language}.md", words),
        f"templates/{name}/second.{workspace.locale}.md": _text(f"second.{language}.md", words),
    }


def _check_name(name: str) -> None:
    if NAME.fullmatch(name) is None or len(name) > 80:
        raise SkeletonError(f"`{name}` cannot be a name: write letters, digits and `-`, a letter first")


def _workspace(folder: Path) -> Workspace:
    """Return the workspace as far as it can be read; its other errors are `check`'s business."""
    report = Report()
    try:
        data = (folder / WORKSPACE).read_bytes()
    except OSError:
        raise SkeletonError(
            f"there is no {WORKSPACE} in {folder}; `leadloop new workspace NAME` writes one"
        ) from None
    source = decode(WORKSPACE, data, report)
    root = None if source is None else read(source, report)
    if root is None:
        raise SkeletonError(report.diagnostics[0].render())
    return read_workspace(report, root)


def _text(source: str, words: dict[str, str]) -> str:
    text = files(__package__).joinpath(source).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text
