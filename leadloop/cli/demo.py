"""`leadloop demo`: sixty days of customer journeys in two minutes, played by made-up people."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadloop.cli.workspaces import MARK, WorkspaceOption

if TYPE_CHECKING:
    from leadloop.demo.run import Options, Result
    from leadloop.demo.show import Screen
    from leadloop.language.plan import Publication
    from leadloop.settings import Settings

_INTERRUPTED = 130


def demo(
    leads: Annotated[
        int, typer.Option("--leads", min=1, max=10_000, help="People of the file to import.")
    ] = 200,
    days: Annotated[float, typer.Option("--days", min=1, max=400, help="Scenario days to play.")] = 60,
    speed: Annotated[
        float, typer.Option("--speed", min=0.001, max=1000, help="Scenario days per second, at most.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same people.")] = 1,
    exit_at_end: Annotated[
        bool, typer.Option("--exit", help="End when the days are over. Always so without a terminal.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output, nothing else there.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            help="Folder to play in, emptied first. Default: .leadloop/demo here.",
            show_default=False,
        ),
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Play the shipped scenarios: people ask, read, click, buy; sales accepts, wins, loses.

    Everything is real but the people and the clock: Temporal, database, SMTP, web pages. Exit code
    1 where the checker finds a breach.
    """
    from httpx import HTTPError

    from leadloop.cli.compiling import compile_or_exit, workspace_folder
    from leadloop.demo.doors import DoorError
    from leadloop.demo.folders import DemoError, empty_state
    from leadloop.demo.governor import StalledError
    from leadloop.demo.run import Options
    from leadloop.demo.show import Screen
    from leadloop.settings import Settings

    screen = Screen(machine=as_json)
    settings = Settings()
    folder = workspace_folder(workspace, settings)
    if workspace is None and not (folder / MARK).is_file():
        folder = _project()
    publication = compile_or_exit(folder)
    state = state or settings.state / "demo"
    try:
        empty_state(state)
    except DemoError as error:
        typer.echo(f"leadloop: {error}", err=True)
        raise typer.Exit(1) from None
    # The demo keeps to itself: its own database and addresses, whatever the environment names.
    settings = settings.model_copy(
        update={"workspace": folder, "state": state, "database_url": None, "public_url": None}
    )
    stays = screen.is_terminal and not exit_at_end
    options = Options(leads, days, speed, seed, stays, as_json)
    try:
        result = asyncio.run(_play(settings, publication, options, screen))
    except (DemoError, DoorError, StalledError, HTTPError) as error:
        typer.echo(f"leadloop: the demo ended: {error}", err=True)
        raise typer.Exit(1) from None
    if result is None:
        screen.say("stopped")
        raise typer.Exit(_INTERRUPTED)
    if as_json:
        typer.echo(json.dumps(result.document, ensure_ascii=False, indent=2))
    if not result.ok:
        raise typer.Exit(1)


async def _play(
    settings: Settings, publication: Publication, options: Options, screen: Screen
) -> Result | None:
    from leadloop.demo.run import play, stopped_by_signals

    try:
        async with stopped_by_signals():
            return await play(settings, publication, options, screen)
    except asyncio.CancelledError:
        return None


def _project() -> Path:
    """The folder that leadloop itself runs from, with the shipped workspace."""
    return Path(__file__).resolve().parent.parent.parent
