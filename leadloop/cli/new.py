"""`leadloop new`: a first scenario or a first workspace, commented, that passes `check`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from leadloop.cli.languages import Lang, language_of
from leadloop.cli.workspaces import WorkspaceOption, find_workspace


class Kind(StrEnum):
    """What can be written."""

    scenario = "scenario"
    workspace = "workspace"


def new(
    kind: Annotated[Kind, typer.Argument(help="scenario or workspace.")],
    name: Annotated[str, typer.Argument(help="Its name: letters, digits and `-`, a letter first.")],
    workspace: WorkspaceOption = None,
    lang: Annotated[
        Lang | None,
        typer.Option(
            "--lang",
            show_default=False,
            help="Language of a new workspace. Default: LEADLOOP_LANG, else the locale (ja, otherwise en).",
        ),
    ] = None,
) -> None:
    """Write a commented first scenario with its mails, or a whole first workspace.

    A scenario comes in the language of its workspace.
    """
    from leadloop.language.skeletons import SkeletonError, scenario_files, workspace_files

    try:
        if kind is Kind.workspace:
            folder = (workspace or Path.cwd()) / name
            files = workspace_files(name, language_of(lang))
        else:
            folder = find_workspace(workspace)
            files = scenario_files(folder, name)
    except SkeletonError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    _write(folder, files)
    typer.echo(f"next: leadloop check{'' if kind is Kind.scenario else f' --workspace {folder}'}")


def _write(folder: Path, files: dict[str, str]) -> None:
    """Write all files or none: an existing file is never overwritten."""
    existing = [path for path in files if (folder / path).exists()]
    if existing:
        typer.echo(f"already there, nothing written: {', '.join(existing)}", err=True)
        raise typer.Exit(1)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
        typer.echo(f"wrote {target}")
