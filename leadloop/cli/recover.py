"""`leadloop recover`: rebuild the workflows after Temporal lost its data."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from leadloop.cli.accepting import Unproven, accept
from leadloop.cli.environments import StateOption, open_environment, settings_for
from leadloop.cli.output import JsonOption, print_json, print_table
from leadloop.cli.temporal_service import connect_for

if TYPE_CHECKING:
    from leadloop.inbox.recovery.rebuild import Rebuild
    from leadloop.settings import Settings
    from leadloop.storage.environment import Environment

_BATCH = 50


def recover(
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", help="Only journeys of this scenario.", show_default=False),
    ] = None,
    per_second: Annotated[
        int, typer.Option("--per-second", min=1, max=10_000, help="Journeys restarted per second.")
    ] = 100,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin anew instead of going on with a stopped recovery.")
    ] = False,
    accept_restore: Annotated[
        bool,
        typer.Option(
            "--accept-restore", help="The database was restored from a backup: find out what was sent since."
        ),
    ] = False,
    unproven: Annotated[
        Unproven,
        typer.Option(
            "--unproven",
            help="With --accept-restore: what becomes of journeys of which nobody knows what they sent.",
        ),
    ] = Unproven.HOLD,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --accept-restore: do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the workflow of every open journey anew, at its stored turn.

    For a Temporal service that lost its data. Nothing is sent twice, workers may run meanwhile, and a
    recovery that was stopped goes on when the command is given again. Without workers the workflows are
    started all the same and wait for them.

    With --accept-restore, for a database that was restored from a backup while mails went out: first what
    was done since is taken from Temporal, then senders, which stand still until then, go on.
    """
    settings = settings_for(state)
    if accept_restore:
        accept(settings, state, per_second, unproven, dry_run=dry_run, yes=yes, as_json=as_json)
        return
    with open_environment(state) as env:
        _check_gate(env)
        _check_scenario(env, scenario)
        if dry_run:
            _show_plan(env, scenario, as_json)
            return
        rebuild, goes_on = _begin(env, scenario, from_start)
        if goes_on and not as_json:
            typer.echo(f"going on with the recovery of {rebuild.began_at}: {rebuild.done:,} were done")
        done, waiting = asyncio.run(restart_all(env, settings, rebuild, per_second, quiet=as_json))
    if as_json:
        print_json(
            {
                "scenarios": dict(rebuild.counts),
                "restarted": done.done,
                "starts_waiting": waiting,
                "dry_run": False,
            }
        )
        return
    typer.echo(f"restarted {done.done:,} of {rebuild.total:,} journeys")
    if waiting:
        typer.echo(f"{waiting:,} starts were not taken by Temporal yet; a running worker sends them again")


def _check_gate(env: Environment) -> None:
    """Exit where the database is an older copy: rebuilding alone would not make it send."""
    from leadloop.inbox.recovery.restored import describe_gate

    with env.database.read() as session:
        gate = describe_gate(session)
    if gate is not None:
        typer.echo(f"{gate['text']}; nothing is sent: give --accept-restore, with --dry-run first", err=True)
        raise typer.Exit(1)


def _check_scenario(env: Environment, scenario: str | None) -> None:
    from leadloop.inbox.recovery.rebuild import count_open

    if scenario is None or scenario in env.publications.current().publication.plans:
        return
    if not count_open(env, scenario):
        typer.echo(f"no scenario `{scenario}` is published, and none of its journeys is open", err=True)
        raise typer.Exit(1)


def _show_plan(env: Environment, scenario: str | None, as_json: bool) -> None:
    from leadloop.inbox.recovery.rebuild import count_open

    counts = count_open(env, scenario)
    if as_json:
        print_json({"scenarios": counts, "restarted": 0, "starts_waiting": 0, "dry_run": True})
        return
    print_table(("scenario", "journeys to restart"), list(counts.items()))
    typer.echo("dry run: nothing was changed")


def _begin(env: Environment, scenario: str | None, from_start: bool) -> tuple[Rebuild, bool]:
    """Return the rebuild to carry out, and whether it is one that was stopped."""
    from leadloop.inbox.recovery.rebuild import begin_rebuild, unfinished_rebuild

    stopped = unfinished_rebuild(env)
    if stopped is not None and stopped.scenario == scenario and not from_start:
        return stopped, True
    return begin_rebuild(env, scenario), False


async def restart_all(
    env: Environment, settings: Settings, rebuild: Rebuild, per_second: int, quiet: bool
) -> tuple[Rebuild, int]:
    """Restart batch by batch; return the place reached and how many starts are still to be sent."""
    from leadloop.inbox.recovery.rebuild import rebuild_next
    from leadloop.inbox.relaying.relay import Relay

    client = await connect_for(settings)
    relay = Relay(env, client, env.publications.current().publication.workspace.name)
    size = min(_BATCH, per_second)
    ended = False
    while not ended:
        began = time.monotonic()
        rebuild, ended = await asyncio.to_thread(rebuild_next, env, rebuild, size)
        await relay.run_once()
        if not quiet:
            typer.echo(f"\r{rebuild.done:,} of {rebuild.total:,} journeys", err=True, nl=ended)
        if not ended:
            await asyncio.sleep(max(0.0, size / per_second - (time.monotonic() - began)))
    while await relay.run_once():  # what a batch of the relay left over
        pass
    return rebuild, _wakes(env)


def _wakes(env: Environment) -> int:
    from sqlmodel import func, select

    from leadloop.storage.tables import Wake

    with env.database.read() as session:
        return session.exec(select(func.count()).select_from(Wake)).one()
