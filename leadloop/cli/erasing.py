"""`leadloop lead erase LEAD`: erase a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from leadloop.cli.environments import StateOption, find_lead_id, open_environment, settings_for
from leadloop.cli.output import JsonOption, LeadArgument, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from leadloop.inbox.erasure import Erasure


def erase(
    lead: LeadArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    by: Annotated[
        str, typer.Option("--by", help="Who asked for it, as the record of it says.")
    ] = "command line",
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a person: end its journeys at once and delete what says who it was. It cannot be undone.

    HMACs of its mail addresses stay: they refuse later events about the person, and keep the address from
    being mailed. They are kept outside the database too, so that a restored backup is erased again.
    """
    from leadloop.inbox.erasure import erase_lead

    with open_environment(state) as env:
        lead_id = find_lead_id(env, lead)
        plan = erase_lead(env, lead_id, by, dry_run=True)
        if dry_run or plan.status == "erased_before":
            _print(plan, dry_run, as_json)
            return
        if not yes:
            typer.echo(_words(plan, "would go"), err=as_json)
            typer.confirm("Erase this person? It cannot be undone.", abort=True, err=as_json)
        done = erase_lead(env, lead_id, by)
    _clear_mailbox(settings_for(state).state / "mailbox", done)
    _print(done, dry_run, as_json)


def _clear_mailbox(folder: Path, done: Erasure) -> None:
    """Delete the person's mails from the local mailbox of the state folder, if there is one."""
    from leadloop.delivery.mailbox import Mailbox

    if folder.is_dir():
        Mailbox(folder).forget(done.messages)


def _print(erasure: Erasure, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json(erasure.as_json() | {"dry_run": dry_run})
    elif erasure.status == "erased_before":
        typer.echo(f"lead {erasure.lead_id} was erased before; nothing was changed")
    elif dry_run:
        typer.echo(_words(erasure, "would go"))
        typer.echo("dry run: nothing was changed")
    else:
        typer.echo(_words(erasure, "are gone"))
        typer.echo(f"lead {erasure.lead_id} is erased")


def _words(erasure: Erasure, verb: str) -> str:
    return (
        f"journeys to end: {erasure.journeys_ended}; personal values of the lead, "
        f"{erasure.events} events, {len(erasure.messages)} messages, {erasure.calls} calls and "
        f"{erasure.records} records {verb}"
    )
