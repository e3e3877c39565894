"""`leadloop doctor`: the invariants of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from leadloop.cli.environments import StateOption, open_environment, settings_for
from leadloop.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from leadloop.inbox.doctor import Report

_SHOWN = 20


def doctor(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Check the invariants: nothing sent twice or after a refusal, nothing stuck, scores add up.

    Only looks; may run beside a working engine. With the local mailbox of the state folder, what
    arrived there is compared too. Exit code 1 on a breach.
    """
    from leadloop.inbox.doctor import examine

    with open_environment(state) as env:
        report = examine(env, settings_for(state).state / "mailbox")
    if as_json:
        print_json(report.as_json())
    else:
        print_report(report)
    if not report.ok:
        raise typer.Exit(1)


def print_report(report: Report) -> None:
    """Print a report: one line per check, its problems under it."""
    for check in report.checks:
        typer.echo(f"{'ok    ' if check.ok else 'BREACH'} {check.title} ({check.count:,} looked at)")
        for problem in check.problems[:_SHOWN]:
            typer.echo(f"       {problem}")
        if len(check.problems) > _SHOWN:
            typer.echo(f"       … and {len(check.problems) - _SHOWN:,} more; --json lists them")
    broken = sum(not check.ok for check in report.checks)
    typer.echo("all checks passed" if not broken else f"{broken} of {len(report.checks)} checks failed")
