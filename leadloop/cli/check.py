"""`leadloop check`: every problem of a workspace, with file, line, column and what to write."""

from __future__ import annotations

import gc
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadloop.cli.workspaces import WorkspaceOption, find_workspace

if TYPE_CHECKING:
    from leadloop.language.compiler import Compilation
    from leadloop.language.diagnostics import Diagnostic


class OutputFormat(StrEnum):
    """How problems are printed."""

    text = "text"
    json = "json"


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Scenario files or folders to check. Default: the whole workspace.", show_default=False
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    output_format: Annotated[
        OutputFormat, typer.Option("--format", "-f", help="text for people, json for machines.")
    ] = OutputFormat.text,
) -> None:
    """Check scenarios, scoring, lifecycle, streams and templates. Exit code 1 on errors."""
    folder = find_workspace(workspace)
    missing = [path for path in paths or [] if not path.exists()]
    if missing:
        typer.echo(f"no such file or folder: {', '.join(map(str, missing))}", err=True)
        raise typer.Exit(2)
    compilation = _compile(folder, paths or None)
    errors, warnings = len(compilation.errors), len(compilation.warnings)
    if output_format is OutputFormat.json:
        _print_json(compilation.diagnostics, errors, warnings)
    else:
        _print_text(folder, compilation.diagnostics)
        plans = len(compilation.publication.plans) if compilation.publication else None
        typer.echo(_summary(errors, warnings, plans))
    if errors:
        raise typer.Exit(1)


def _compile(folder: Path, only: list[Path] | None) -> Compilation:
    """Compile without garbage collection, which would be a tenth of the command's time."""
    gc.disable()
    try:
        from leadloop.language.compiler import compile_workspace

        return compile_workspace(folder, only)
    finally:
        gc.enable()


def _print_json(diagnostics: list[Diagnostic], errors: int, warnings: int) -> None:
    import json

    from leadloop.language.diagnostics import to_json

    document = {"errors": errors, "warnings": warnings, "diagnostics": to_json(diagnostics)}
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _print_text(folder: Path, diagnostics: list[Diagnostic]) -> None:
    """Print the problems with paths from the current folder, so that editors can open them."""
    from dataclasses import replace

    from leadloop.language.diagnostics import render_text

    prefix = os.path.relpath(folder)
    if prefix.startswith(os.pardir):
        prefix = str(folder)
    if prefix != os.curdir:
        diagnostics = [replace(one, path=os.path.join(prefix, one.path)) for one in diagnostics]
    if diagnostics:
        typer.echo(render_text(diagnostics) + "\n")


def _summary(errors: int, warnings: int, plans: int | None) -> str:
    parts = [_count(errors, "error")] if errors else []
    parts += [_count(warnings, "warning")] if warnings else []
    if plans is not None:
        parts.insert(0, f"{_count(plans, 'scenario')} ok")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
