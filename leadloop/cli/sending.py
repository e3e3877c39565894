"""`leadloop sending stop|start|status`: the kill switch for all mails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from leadloop.cli.callers import ByOption, DryRunOption, ReasonOption
from leadloop.cli.changing import Change, Nothing, tell_change
from leadloop.cli.environments import StateOption, open_environment
from leadloop.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from leadloop.inbox.operations.log import Caller
    from leadloop.inbox.operations.sending import Sending, SendingResult
    from leadloop.storage.environment import Environment

app = typer.Typer(
    help="Stop all mails, let them go again, say how it stands. Exit code 0 also where it is so already.",
    no_args_is_help=True,
)


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

    _switch(stop_sending, Change(by, reason, dry_run, state, as_json))


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

    _switch(start_sending, Change(by, reason, dry_run, state, as_json))


@app.command("status")
def status(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Say whether mails may leave, and how many are held by the switch."""
    from leadloop.inbox.operations.sending import read_sending

    with open_environment(state) as env, env.database.read() as session:
        sending = read_sending(session)
    print_json(sending.as_json()) if as_json else typer.echo(_words(sending))


def _switch(run: Callable[[Environment, Caller], SendingResult], change: Change) -> None:
    caller = change.caller()
    with open_environment(change.state) as env:
        result = run(env, caller)
    document = result.sending.as_json() | {"no_op": result.no_op, "dry_run": change.dry_run}
    nothing = Nothing(_NO_OPS[result.no_op], refused=False) if result.no_op is not None else None
    tell_change(document, _words(result.sending), nothing, dry_run=change.dry_run, as_json=change.as_json)


_NO_OPS = {"already_stopped": "sending is stopped already", "not_stopped": "sending is not stopped"}


def _words(sending: Sending) -> str:
    who = f" by {sending.by}" if sending.by else ""
    why = f": {sending.reason}" if sending.reason else ""
    if sending.stopped:
        return f"sending is stopped{who}{why}; {sending.held} mails are held"
    going = f"; {sending.held} held mails are going out" if sending.held else ""
    return f"mails may leave{going}"
