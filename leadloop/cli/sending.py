"""`leadloop sending stop|start|status`: the kill switch for all mails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from leadloop.cli.callers import ByOption, DryRunOption, ReasonOption, caller_of
from leadloop.cli.environments import StateOption, open_environment
from leadloop.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from leadloop.inbox.operations.log import Caller
    from leadloop.inbox.operations.sending import Sending, SendingResult
    from leadloop.storage.environment import Environment

app = typer.Typer(help="Stop all mails, let them go again, say how it stands.", no_args_is_help=True)


@app.command("stop")
def stop(
    reason: ReasonOption = "",
    by: ByOption = None,
    dry_run: DryRunOption = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold every mail from now on: to leads and notices. Journeys go on up to their next mail.

    A mail that a mail server is taking at this moment cannot be stopped. Webhooks are not mails.
    """
    from leadloop.inbox.operations.sending import stop_sending

    _switch(stop_sending, by, reason, dry_run, state, as_json)


@app.command("start")
def start(
    reason: ReasonOption = "",
    by: ByOption = None,
    dry_run: DryRunOption = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let mails go again. Those that were held are asked for by themselves, with all their checks."""
    from leadloop.inbox.operations.sending import start_sending

    _switch(start_sending, by, reason, dry_run, state, as_json)


@app.command("status")
def status(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Say whether mails may leave, and how many are held by the switch."""
    from leadloop.inbox.operations.sending import read_sending

    with open_environment(state) as env, env.database.read() as session:
        sending = read_sending(session)
    print_json(sending.as_json()) if as_json else typer.echo(_words(sending))


def _switch(
    run: Callable[[Environment, Caller], SendingResult],
    by: str | None,
    reason: str,
    dry_run: bool,
    state: Path | None,
    as_json: bool,
) -> None:
    caller = caller_of(by, reason, dry_run)
    with open_environment(state) as env:
        result = run(env, caller)
    document: dict[str, Any] = result.sending.as_json() | {"no_op": result.no_op, "dry_run": dry_run}
    if as_json:
        print_json(document)
    elif result.no_op is None:
        typer.echo(_words(result.sending))
        if dry_run:
            typer.echo("dry run: nothing was changed")
    if result.no_op is not None:
        typer.echo(f"nothing was changed: {_NO_OPS[result.no_op]}", err=True)
        raise typer.Exit(1)


_NO_OPS = {"already_stopped": "sending is stopped already", "not_stopped": "sending is not stopped"}


def _words(sending: Sending) -> str:
    who = f" by {sending.by}" if sending.by else ""
    why = f": {sending.reason}" if sending.reason else ""
    if sending.stopped:
        return f"sending is stopped{who}{why}; {sending.held} mails are held"
    going = f"; {sending.held} held mails are going out" if sending.held else ""
    return f"mails may leave{going}"
