"""`leadloop recover --accept-restore`: let a database that was restored from a backup go on."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from leadloop.cli.environments import open_environment
from leadloop.cli.output import print_json
from leadloop.cli.temporal_service import connect_for

if TYPE_CHECKING:
    from leadloop.inbox.recovery.restore import Accepted
    from leadloop.settings import Settings
    from leadloop.storage.environment import Environment

_SHOWN = 20


class Unproven(StrEnum):
    """What becomes of an open journey whose histories do not reach back to the backup."""

    HOLD = "hold"
    GO_ON = "go-on"


def accept(
    settings: Settings,
    state: Path | None,
    per_second: int,
    unproven: Unproven,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Say what an acceptance would do; unless it is a dry run, ask, and do it."""
    from leadloop.inbox.recovery.restore import NotRestoredError

    try:
        if dry_run or not yes:
            found = asyncio.run(_rehearse(settings, state, unproven, quiet=as_json))
            if dry_run:
                _print(found, as_json, dry_run=True, restarted=0)
                return
            _print_text(found, err=as_json)
            typer.confirm("Accept the restored database?", abort=True, err=as_json)
        found, restarted = asyncio.run(_accept(settings, state, unproven, per_second, quiet=as_json))
    except NotRestoredError:
        if as_json:
            print_json({"accepted": False, "restarted": 0, "dry_run": dry_run})
        else:
            typer.echo("nothing to do: this database is not behind its watermark")
        return
    _print(found, as_json, dry_run=False, restarted=restarted)


async def _rehearse(settings: Settings, state: Path | None, unproven: Unproven, *, quiet: bool) -> Accepted:
    """Find out what there is to find out, and undo every transaction."""
    from leadloop.inbox.recovery.restore import Acceptance

    with open_environment(state, dry_run=True) as env:
        client = await connect_for(settings)
        acceptance = Acceptance(env, client, _workspace(env), hold_unproven=unproven is Unproven.HOLD)
        return await acceptance.find_out(_quiet if quiet else _show)


async def _accept(
    settings: Settings, state: Path | None, unproven: Unproven, per_second: int, *, quiet: bool
) -> tuple[Accepted, int]:
    """Find out, raise every generation and restart, then open the gate."""
    from leadloop.cli.recover import restart_all
    from leadloop.inbox.recovery.rebuild import begin_rebuild
    from leadloop.inbox.recovery.restore import Acceptance

    with open_environment(state) as env:
        client = await connect_for(settings)
        acceptance = Acceptance(env, client, _workspace(env), hold_unproven=unproven is Unproven.HOLD)
        found = await acceptance.find_out(_quiet if quiet else _show)
        rebuild, _ = await restart_all(env, settings, begin_rebuild(env), per_second, quiet)
        acceptance.open_gate("command line")
        return found, rebuild.done


def _workspace(env: Environment) -> str:
    return env.publications.current().publication.workspace.name


def _quiet(done: int) -> None:
    """Show nothing."""


def _show(done: int) -> None:
    typer.echo(f"\r{done:,} workflows looked at", err=True, nl=False)


def _print(found: Accepted, as_json: bool, *, dry_run: bool, restarted: int) -> None:
    if as_json:
        print_json(found.as_json() | {"restarted": restarted, "dry_run": dry_run})
        return
    _print_text(found)
    if dry_run:
        typer.echo("dry run: nothing was changed")
    else:
        typer.echo(f"restarted {restarted:,} journeys; mails go out again")


def _print_text(found: Accepted, err: bool = False) -> None:
    rows: list[tuple[str, list[str]]] = [
        ("messages that count as sent (uncertain)", found.uncertain),
        ("journeys held, as nobody knows what they sent", found.held),
        ("journeys lost, because they began after the backup", found.gone),
        ("people erased again", found.erased_again),
    ]
    typer.echo(f"\r{found.runs_looked_at:,} workflows looked at", err=True)
    for words, ids in rows:
        _print_number(words, len(ids), err)
        for one in ids[:_SHOWN]:
            typer.echo(f"  {one}", err=err)
        if len(ids) > _SHOWN:
            typer.echo(f"  … and {len(ids) - _SHOWN:,} more; --json lists them", err=err)
    _print_number("refusals written again", found.refused_again, err)
    _print_number("entries by time that count as done", found.entries_passed, err)
    _print_number("bands, segments, cool-downs brought up to that time", found.changes_passed, err)


def _print_number(words: str, number: int, err: bool) -> None:
    typer.echo(f"{words:<53}{number:>6,}", err=err)
