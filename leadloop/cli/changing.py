"""Commands that change something: how they tell what they did, and how they end.

What was asked for and is so already is no failure: such a command says so and ends with exit code 0, so
that it may be given twice. What cannot be done is refused, with exit code 1. A dry run ends as the command
would.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from leadloop.cli.callers import caller_of
from leadloop.cli.output import print_json

if TYPE_CHECKING:
    from leadloop.inbox.operations.log import Caller


@dataclass(frozen=True)
class Change:
    """The options that all these commands have."""

    by: str | None
    reason: str
    dry_run: bool
    state: Path | None
    as_json: bool

    def caller(self) -> Caller:
        """Return who asks; exit with code 1 for a text that is too long."""
        return caller_of(self.by, self.reason, self.dry_run)


@dataclass(frozen=True)
class Nothing:
    """Why a command changed nothing."""

    text: str
    refused: bool


def settle(step: Callable[[], int], words: str, *, tell: bool) -> int:
    """Repeat a step of the workers' loops until nothing is left; return how many there were.

    On a terminal, `tell` shows how many so far.
    """
    done = 0
    while moved := step():
        done += moved
        if tell and sys.stderr.isatty():
            typer.echo(f"\r{done:,} {words}", err=True, nl=False)
    return done


def tell_change(
    document: dict[str, Any], words: str, nothing: Nothing | None, *, dry_run: bool, as_json: bool
) -> None:
    """Print what a command did, or why it did nothing. Exits with code 1 where it was refused."""
    if as_json:
        print_json(document)
    elif nothing is None:
        typer.echo(words)
        if dry_run:
            typer.echo("dry run: nothing was changed")
    elif not nothing.refused:
        typer.echo(f"nothing to do: {nothing.text}")
    if nothing is not None and nothing.refused:
        typer.echo(f"nothing was changed: {nothing.text}", err=True)
        raise typer.Exit(1)
