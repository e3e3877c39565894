"""`leadloop publish`: compile the workspace and make it live, all or nothing."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadloop.cli.environments import StateOption, environment_of, open_database, settings_for
from leadloop.cli.output import JsonOption, print_json
from leadloop.cli.workspaces import WorkspaceOption, find_workspace

if TYPE_CHECKING:
    from leadloop.language.plan import Publication
    from leadloop.settings import Settings


def publish(
    workspace: WorkspaceOption = None,
    state: StateOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compile and compare only; publish nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compile the workspace and make it live. Journeys that run keep the plan they began with.

    Publishing what is live already changes nothing. Exit code 1 on errors.
    """
    from leadloop.storage.migrations import check_schema
    from leadloop.storage.publications import NotPublishedError
    from leadloop.storage.publications import publish as store

    settings = settings_for(state)
    publication = compile_or_exit(workspace_folder(workspace, settings))
    with open_database(settings) as database:
        check_schema(database)
        env = environment_of(settings, database)
        try:
            current = env.publications.current()
        except NotPublishedError:
            current = None
        changes = _changes(current.parts if current else {}, publication.digests())
        publication_id = current.id if current else None
        if not dry_run:
            with database.write() as session:
                publication_id = store(session, publication, _user(), env.clock.now())
    if as_json:
        print_json({"publication": publication_id, "dry_run": dry_run, "changes": changes})
    else:
        _print(changes, publication_id, dry_run)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the parts that differ: `added`, `changed`, `removed`. Sources say nothing of their own."""
    old = {name: digest for name, digest in before.items() if not name.startswith("source:")}
    new = {name: digest for name, digest in after.items() if not name.startswith("source:")}
    return {
        "added": sorted(new.keys() - old.keys()),
        "changed": sorted(name for name in new.keys() & old.keys() if new[name] != old[name]),
        "removed": sorted(old.keys() - new.keys()),
    }


def _print(changes: dict[str, list[str]], publication_id: str | None, dry_run: bool) -> None:
    for verb, names in changes.items():
        for name in names:
            typer.echo(f"{verb:<8} {name.replace(':', ' ')}")
    if not any(changes.values()):
        typer.echo("nothing has changed")
    elif dry_run:
        typer.echo("dry run: nothing was published")
    else:
        typer.echo(f"published {publication_id}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return "leadloop publish"


def workspace_folder(workspace: Path | None, settings: Settings) -> Path:
    """Return the workspace of a command: the option, else LEADLOOP_WORKSPACE, else the nearest one."""
    if workspace is None and "workspace" in settings.model_fields_set:
        workspace = settings.workspace
    return find_workspace(workspace)


def compile_or_exit(folder: Path) -> Publication:
    """Return what a workspace compiles to. Problems go to standard error; exit code 1 on errors."""
    from leadloop.language.compiler import compile_workspace
    from leadloop.language.diagnostics import render_text

    compilation = compile_workspace(folder)
    if compilation.diagnostics:
        typer.echo(render_text(compilation.diagnostics), err=True)
    if compilation.publication is None:
        typer.echo(f"nothing was published: correct the errors in {folder.resolve()}", err=True)
        raise typer.Exit(1)
    return compilation.publication


def versions_of(parts: Mapping[str, Any]) -> dict[str, str]:
    """Return the published version of each scenario: the first letters of its plan's digest."""
    return {
        name.removeprefix("plan:"): str(digest)[:12]
        for name, digest in parts.items()
        if name.startswith("plan:")
    }
