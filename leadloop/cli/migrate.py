"""`leadloop migrate SCENARIO`: people in older versions move to the newest, or to a named one."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadloop.cli.callers import ByOption, DryRunOption, ReasonOption, caller_of, told_errors
from leadloop.cli.changing import settle
from leadloop.cli.environments import StateOption, open_environment
from leadloop.cli.output import JsonOption, print_json, print_table

if TYPE_CHECKING:
    from leadloop.inbox.operations.migrating import Group, Migration
    from leadloop.inbox.operations.moving import Fate, Moving
    from leadloop.storage.environment import Environment

_POLL_SECONDS = 0.25
_LISTED = 20


def migrate(
    scenario: Annotated[str, typer.Argument(help="Name of the scenario.")],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="Default: the newest version.", show_default=False),
    ] = None,
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OLD=NEW",
            help="Where people on a step go that the version lacks; may be given several times.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option("--wait", min=0, metavar="SECONDS", help="Watch them move for so long.")
    ] = 10.0,
    reason: ReasonOption = "",
    by: ByOption = None,
    dry_run: DryRunOption = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move the open journeys of a scenario to its newest version, or to the one named.

    Each moves in its next turn, not while a mail or a call of its step is in flight. It stands on the
    step of the same id, or where `on_edit` or --map puts it. Refused where people are on a step that
    nothing maps. Asking again is harmless; it goes on where an earlier run stopped.
    """
    from leadloop.inbox.operations.migrating import migrate as start
    from leadloop.inbox.operations.moving import to_move
    from leadloop.inbox.turns.editions import run_editions

    caller = caller_of(by, reason, dry_run)
    steps = _steps(maps or [])
    with open_environment(state) as env, told_errors():
        plan = start(env, scenario, caller, to, steps)
        found: list[Moving] = []
        if not dry_run and plan.no_op is None:
            with env.database.read() as session:
                journeys = to_move(session, scenario, plan.version)
            settle(lambda: run_editions(env), "journeys marked", tell=not as_json)
            found = _watch(env, plan.version, journeys, wait)
    if as_json:
        print_json(_document(plan, found, dry_run))
    else:
        _print(plan, found, dry_run)
    if dry_run and plan.unmapped:
        raise typer.Exit(1)


def _steps(maps: list[str]) -> dict[str, str]:
    found = {}
    for text in maps:
        old, equals, new = (part.strip() for part in text.partition("="))
        if not (old and equals and new):
            raise typer.BadParameter(f"write OLD=NEW, not `{text}`", param_hint="--map")
        found[old] = new
    return found


def _watch(env: Environment, version: str, journeys: list[str], seconds: float) -> list[Moving]:
    """Return what becomes of the journeys, once all is decided or the time is over."""
    from leadloop.inbox.operations.moving import UNDECIDED, fates

    deadline = time.monotonic() + seconds
    while True:
        with env.database.read() as session:
            found = fates(session, version, journeys)
        if time.monotonic() >= deadline or not any(one.fate in UNDECIDED for one in found):
            return found
        time.sleep(_POLL_SECONDS)


def _document(plan: Migration, found: list[Moving], dry_run: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from leadloop.inbox.operations.moving import FATES

    counts = Counter(one.fate for one in found)
    return plan.as_json() | {
        "no_op": plan.no_op,
        "dry_run": dry_run,
        "counts": {fate: counts[fate] for fate in FATES},
        "journeys": [asdict(one) for one in found],
    }


def _print(plan: Migration, found: list[Moving], dry_run: bool) -> None:
    version = plan.version[:12]
    if plan.no_op is not None:
        typer.echo(f"{plan.scenario}: everybody is on version {version} already")
        return
    print_table(("on step", "people", "goes to", "remarks"), [_row(group) for group in plan.groups])
    if plan.unmapped:
        gone = ", ".join(f"`{step}`" for step in sorted({group.step for group in plan.unmapped}))
        typer.echo(f"version {version} lacks {gone}: say where people go with --map OLD=NEW", err=True)
    if dry_run:
        typer.echo("dry run: nothing was changed")
        return
    counts = Counter(one.fate for one in found)
    words = [f"{counts[fate]:,} {text}" for fate, text in _FATES.items() if counts[fate]]
    typer.echo(f"{plan.scenario} to version {version}: {', '.join(words)}")
    left = [one for one in found if one.fate != "moved"]
    for one in left[:_LISTED]:
        why = f": {one.reason}" if one.reason else ""
        typer.echo(f"  {one.journey} on `{one.step}` {_FATES[one.fate]}{why}")
    if len(left) > _LISTED:
        typer.echo(f"  … and {len(left) - _LISTED:,} more; --json lists them")


def _row(group: Group) -> list[object]:
    remarks = [f"{group.in_flight} with a mail or call in flight"] if group.in_flight else []
    remarks += [f"{group.held} held"] if group.held else []
    remarks += [f"{group.paused} paused"] if group.paused else []
    remarks += ["begins anew"] if group.begins_anew else []
    return [group.step, group.people, group.to or "?", ", ".join(remarks)]


_FATES: dict[Fate, str] = {
    "moved": "moved",
    "in_flight": "waits for its mail or call",
    "waiting": "moves in its next turn",
    "paused": "moves when it is resumed",
    "held": "is held",
    "ended": "has ended",
}
