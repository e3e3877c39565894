"""Problems of a workspace as commands print them: text, JSON, GitHub workflow commands."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from leadloop.language.diagnostics import Diagnostic, to_json

if TYPE_CHECKING:
    from leadloop.language.messages import Language


def path_from_here(folder: Path, path: str) -> str:
    """Return a path below the workspace as seen from the current folder, so that editors can open it."""
    prefix = os.path.relpath(folder)
    if prefix.startswith(os.pardir):
        prefix = str(folder)
    return path if prefix == os.curdir else os.path.join(prefix, path)


def as_text(folder: Path, diagnostics: Sequence[Diagnostic], language: Language) -> str:
    """Return the problems for people, an empty line between two."""
    return "\n\n".join(one.render(language, path_from_here(folder, one.path)) for one in diagnostics)


def as_json(diagnostics: Sequence[Diagnostic], language: Language) -> str:
    """Return one JSON document; paths are below the workspace."""
    errors = sum(one.severity == "error" for one in diagnostics)
    document = {
        "errors": errors,
        "warnings": len(diagnostics) - errors,
        "language": language,
        "diagnostics": to_json(diagnostics, language),
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def as_github(folder: Path, diagnostics: Sequence[Diagnostic], language: Language) -> str:
    """Return GitHub workflow commands, one a line: they mark the lines of a pull request.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    return "\n".join(_command(folder, one, language) for one in diagnostics)


def _command(folder: Path, one: Diagnostic, language: Language) -> str:
    settings = {
        "file": Path(path_from_here(folder, one.path)).as_posix(),
        "line": one.line,
        "endLine": one.line,
        "col": one.column,
        "endColumn": one.end_column,
        "title": one.code,
    }
    written = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in settings.items())
    hint = one.hint_in(language)
    text = one.message_in(language) + (f"\n{hint}" if hint else "")
    return f"::{one.severity} {written}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    """Return a text with `%`, line breaks and `more` as %-codes; `%` itself first."""
    for sign in "%\r\n" + more:
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def print_problems(diagnostics: Sequence[Diagnostic], language: Language) -> None:
    """Print problems to standard error, for commands whose output is something else."""
    if diagnostics:
        typer.echo("\n\n".join(one.render(language) for one in diagnostics), err=True)
