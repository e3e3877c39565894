"""`leadloop lead merge KEEP OTHER`: say that two leads are one person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from leadloop.cli.callers import ByOption, DryRunOption, ReasonOption, caller_of, told_errors
from leadloop.cli.environments import StateOption, find_lead_id, open_environment
from leadloop.cli.output import JsonOption, LeadArgument, print_json

if TYPE_CHECKING:
    from leadloop.inbox.merging import Merge


def merge(
    keep: LeadArgument,
    other: LeadArgument,
    by: ByOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Merge OTHER into KEEP: they are one person. It cannot be undone.

    KEEP has the other's past, points and sales history from now on, and its fields where it has none itself.
    The other's open journeys end; every refusal of either one holds.
    """
    from leadloop.inbox.merging import merge_leads

    with open_environment(state) as env, told_errors():
        ids = find_lead_id(env, keep), find_lead_id(env, other)
        done = merge_leads(env, *ids, caller_of(by, reason, dry_run=True))
        if not dry_run:
            if not yes:
                typer.echo(_words(done), err=as_json)
                typer.confirm("Merge them? It cannot be undone.", abort=True, err=as_json)
            done = merge_leads(env, *ids, caller_of(by, reason))
    if as_json:
        print_json(done.as_json() | {"dry_run": dry_run})
        return
    typer.echo(_words(done))
    typer.echo("dry run: nothing was changed" if dry_run else f"lead {done.merged} is now lead {done.kept}")


def _words(merge: Merge) -> str:
    lines = [f"{merge.events} events, {merge.score_entries} points entries, {merge.messages} mails move"]
    for text, names in (
        ("journeys that end", merge.journeys_ended),
        ("fields taken over", merge.fields),
        ("tags added", merge.tags),
        ("topics refused", merge.refusals),
    ):
        lines.append(f"{text}: {', '.join(names) or 'none'}")
    lines.append(f"permissions taken over: {merge.permissions}")
    return "\n".join(lines)
