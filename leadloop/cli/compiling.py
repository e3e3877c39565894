"""The workspace of a command that needs it compiled, without errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from leadloop.cli.languages import Lang, language_of
from leadloop.cli.workspaces import find_workspace

if TYPE_CHECKING:
    from leadloop.language.plan import Plan, Publication
    from leadloop.settings import Settings


def workspace_folder(workspace: Path | None, settings: Settings) -> Path:
    """Return the workspace of a command: the option, else LEADLOOP_WORKSPACE, else the nearest one."""
    if workspace is None and "workspace" in settings.model_fields_set:
        workspace = settings.workspace
    return find_workspace(workspace)


def compile_or_exit(
    folder: Path, undone: str = "nothing was published", lang: Lang | None = None
) -> Publication:
    """Return what a workspace compiles to. Problems go to standard error.

    On errors it says what was not done and exits with code 1.
    """
    from leadloop.cli.problems import print_problems
    from leadloop.language.compiler import compile_workspace

    compilation = compile_workspace(folder)
    print_problems(compilation.diagnostics, language_of(lang))
    if compilation.publication is None:
        typer.echo(f"{undone}: correct the errors in {folder.resolve()}", err=True)
        raise typer.Exit(1)
    return compilation.publication


def find_plan(publication: Publication, name: str) -> Plan:
    """Return a scenario by its name or its file's; exit with code 1 and a suggestion otherwise."""
    from leadloop.language.suggest import Suggestion

    wanted = Path(name).stem if name.endswith(".yaml") else name
    plan = publication.plans.get(wanted)
    if plan is None:
        known = list(publication.plans)
        typer.echo(f"there is no scenario `{wanted}`; {Suggestion(wanted, known)}", err=True)
        raise typer.Exit(1)
    return plan
