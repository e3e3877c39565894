"""`leadloop up`: everything on this machine, in one folder, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import typer

from leadloop.cli.environments import StateOption, settings_for
from leadloop.cli.workspaces import WorkspaceOption

if TYPE_CHECKING:
    from leadloop.embedded.stack import Stack
    from leadloop.language.plan import Publication
    from leadloop.settings import Settings


def up(
    workspace: WorkspaceOption = None,
    state: StateOption = None,
) -> None:
    """Publish the workspace and run Temporal, database, workers, web pages and mailbox.

    Mails go to the mailbox page, never out. Ctrl-C or SIGTERM stops everything in order; started
    again on the same folder, journeys go on where they were. The pages are on the port LEADLOOP_PORT, else
    on that of the last start where it is free; always on this machine only.
    """
    from leadloop.cli.compiling import compile_or_exit, workspace_folder

    settings = settings_for(state)
    folder = workspace_folder(workspace, settings)
    publication = compile_or_exit(folder)
    asyncio.run(_run(settings.model_copy(update={"workspace": folder}), publication))


async def _run(settings: Settings, publication: Publication) -> None:
    from leadloop.clock import RealClock
    from leadloop.embedded.stack import running_stack
    from leadloop.garbage import freeze_what_is_loaded

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with running_stack(settings, publication, RealClock(), "leadloop up") as stack:
        freeze_what_is_loaded()
        for line in address_lines(stack):
            typer.echo(line)
        typer.echo("\nrunning; stop with Ctrl-C")
        await stopped.wait()
        typer.echo("stopping")


def address_lines(stack: Stack) -> list[str]:
    """Return where the pages of a running stack are, one a line."""
    pages = {
        "home": stack.web_url,
        "mailbox": f"{stack.web_url}/mailbox",
        "leads": f"{stack.web_url}/leads",
        "sales": f"{stack.web_url}/sales",
    }
    if stack.temporal_ui:
        pages["Temporal"] = stack.temporal_ui
    return [f"{name + ':':<10}{url}" for name, url in pages.items()]
