"""`leadloop diff A B`: two versions side by side."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadloop.cli.compiling import compile_or_exit, workspace_folder
from leadloop.cli.environments import StateOption, environment_of, open_database, settings_for
from leadloop.cli.output import JsonOption, print_json
from leadloop.cli.workspaces import WorkspaceOption

if TYPE_CHECKING:
    from leadloop.cli.differences import Difference
    from leadloop.language.plan import Publication
    from leadloop.settings import Settings
    from leadloop.storage.environment import Environment

HERE, LIVE = ".", "live"
_MARKS = {"added": "+", "removed": "-", "changed": "~"}


@dataclass(frozen=True)
class Side:
    """One of the two versions."""

    name: str
    publication: Publication
    scenario: str | None = None
    """Set where a version of one scenario was named."""


def diff(
    first: Annotated[
        str, typer.Argument(metavar="[A]", help="The older version.", show_default=False)
    ] = LIVE,
    second: Annotated[
        str, typer.Argument(metavar="[B]", help="The newer version.", show_default=False)
    ] = HERE,
    workspace: WorkspaceOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two versions: parts, steps, and their YAML line by line.

    A version is `live`, `.` (the files here), or the first letters of a digest or id that `leadloop
    scenarios SCENARIO` lists: of a publication, or of one scenario. Without any: `live` and `.`.
    """
    from leadloop.cli.differences import differences

    settings = settings_for(state)
    with open_database(settings) as database:
        env = environment_of(settings, database)
        one, other = (_side(text, env, workspace, settings) for text in (first, second))
    if one.scenario and other.scenario and one.scenario != other.scenario:
        typer.echo(f"{one.name} is of {one.scenario}, {other.name} of {other.scenario}", err=True)
        raise typer.Exit(1)
    found = differences(
        one.publication, other.publication, (one.name, other.name), one.scenario or other.scenario
    )
    if as_json:
        print_json({"from": one.name, "to": other.name, "differences": [asdict(each) for each in found]})
    else:
        _print(found)


def _side(text: str, env: Environment, workspace: Path | None, settings: Settings) -> Side:
    from leadloop.storage.versions import find_version

    if text == HERE:
        folder = workspace_folder(workspace, settings)
        return Side("here", compile_or_exit(folder, "there is nothing to compare"))
    with env.database.read() as session:
        if text == LIVE:
            return Side(LIVE, env.publications.current(session).publication)
        named = find_version(session, text)
        publication = env.publications.get(named.publication_id, session).publication
        return Side(text, publication, named.scenario)


def _print(found: list[Difference]) -> None:
    if not found:
        typer.echo("no difference")
    for one in found:
        typer.echo(f"{one.change:<8} {one.part.replace(':', ' ')}")
        for step in one.scenario.steps if one.scenario is not None and one.change == "changed" else ():
            typer.echo(f"  {_MARKS[step.change]} {step.step} ({step.kind})")
    for one in found:
        if one.text:
            typer.echo(f"\n{one.text}")
