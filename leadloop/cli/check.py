"""`leadloop check`: every problem of a workspace, with file, line, column and what to write."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadloop.cli.languages import LanguageOption, language_of
from leadloop.cli.workspaces import WorkspaceOption, find_workspace

if TYPE_CHECKING:
    from leadloop.language.compiler import Compilation
    from leadloop.language.messages import Language


_NAMED = 5
"""So many changed files are named."""


class OutputFormat(StrEnum):
    """How problems are printed."""

    text = "text"
    json = "json"
    github = "github"
    sarif = "sarif"


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Scenario files or folders to check. Default: the whole workspace.", show_default=False
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    output_format: Annotated[
        OutputFormat,
        typer.Option(
            "--format",
            "-f",
            help="text for people, json for programs, github for annotations of a pull request, "
            "sarif for code scanning.",
        ),
    ] = OutputFormat.text,
    lang: LanguageOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Check again whenever a file changes, until Ctrl-C.")
    ] = False,
) -> None:
    """Check scenarios, scoring, lifecycle, streams and templates. Exit code 1 on errors.

    Warnings (SCN5xx) leave the exit code 0. docs/scenario-language.md explains every code.
    """
    language = language_of(lang)
    folder = find_workspace(workspace, paths[0] if paths else None)
    missing = [path for path in paths or [] if not path.exists()]
    if missing:
        words = {"en": "no such file or folder", "ja": "ファイルまたはフォルダーがありません"}
        typer.echo(f"{words[language]}: {', '.join(map(str, missing))}", err=True)
        raise typer.Exit(2)
    outside = [path for path in paths or [] if not _is_of(folder, find_workspace(workspace, path), path)]
    if outside:  # nothing of it would be looked at
        words = {"en": f"not in the workspace {folder}", "ja": f"ワークスペース{folder}の外です"}
        typer.echo(f"{words[language]}: {', '.join(map(str, outside))}", err=True)
        raise typer.Exit(2)
    if watch and output_format is not OutputFormat.text:
        raise typer.BadParameter("--watch goes with --format text", param_hint="--watch")
    if watch:
        raise typer.Exit(_watch(folder, paths or None, language))
    compilation = _compile(folder, paths or None)
    _print(folder, compilation, output_format, language)
    raise typer.Exit(_exit_code(compilation))


def _is_of(folder: Path, own: Path, path: Path) -> bool:
    """Return whether a path is in the workspace, and in no other one inside it."""
    return own.resolve() == folder.resolve() and path.resolve().is_relative_to(folder.resolve())


def _exit_code(compilation: Compilation) -> int:
    return 1 if compilation.errors else 0


def _print(folder: Path, compilation: Compilation, output_format: OutputFormat, language: Language) -> None:
    from leadloop.cli import problems

    found = compilation.diagnostics
    if output_format is OutputFormat.json:
        typer.echo(problems.as_json(found, language))
    elif output_format is OutputFormat.sarif:
        from leadloop.cli.sarif import as_sarif

        typer.echo(as_sarif(folder, found, language))
    elif output_format is OutputFormat.github:
        if found:
            typer.echo(problems.as_github(folder, found, language))
        typer.echo(summary(compilation, language))
    else:
        if found:
            typer.echo(problems.as_text(folder, found, language) + "\n")
        typer.echo(summary(compilation, language))


def _watch(folder: Path, only: Sequence[Path] | None, language: Language) -> int:
    """Check now and after every change, until Ctrl-C; return the last exit code."""
    from leadloop.cli.watching import changed, snapshot, wait_for_change

    code = 0
    try:
        state = snapshot(folder)
        while True:
            compilation = _compile(folder, only)
            code = _exit_code(compilation)  # known before it is told: Ctrl-C may come at once
            _print(folder, compilation, OutputFormat.text, language)
            before, state = state, wait_for_change(folder, state)
            names = changed(folder, before, state)
            more = ", …" if len(names) > _NAMED else ""
            typer.echo(f"\n{datetime.now().astimezone():%H:%M:%S} {', '.join(names[:_NAMED])}{more}")
    except KeyboardInterrupt:
        return code


def _compile(folder: Path, only: Sequence[Path] | None) -> Compilation:
    """Compile without garbage collection, which would be a tenth of the command's time."""
    gc.disable()
    try:
        from leadloop.language.compiler import compile_workspace

        return compile_workspace(folder, only)
    finally:
        gc.enable()


def summary(compilation: Compilation, language: Language) -> str:
    """Return the last line: how many scenarios are good, and how many errors and warnings there are."""
    scenarios = len(compilation.publication.plans) if compilation.publication else None
    errors, warnings = len(compilation.errors), len(compilation.warnings)
    if language == "ja":
        parts = [f"シナリオ{scenarios}件: 問題なし"] if scenarios is not None else []
        parts += [f"エラー{errors}件"] if errors else []
        parts += [f"警告{warnings}件"] if warnings else []
        return "、".join(parts)
    parts = [f"{_count(scenarios, 'scenario')} ok"] if scenarios is not None else []
    parts += [_count(errors, "error")] if errors else []
    parts += [_count(warnings, "warning")] if warnings else []
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
