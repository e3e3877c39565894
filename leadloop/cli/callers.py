"""Who gives a command, and why: `--by` and `--reason`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leadloop.inbox.operations.log import Caller

ByOption = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who asks. Default: your user name.", show_default=False),
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the log.", show_default=False)
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")]


def caller_of(by: str | None, reason: str, dry_run: bool = False) -> Caller:
    """Return who asks; exit with code 1 for a text that is too long."""
    from leadloop.inbox.operations.log import Caller

    with told_errors():
        return Caller(by if by is not None else user_name(), reason, dry_run)


def user_name() -> str:
    """Return the name of the user of this operating system."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return "command line"


@contextmanager
def told_errors() -> Iterator[None]:
    """Print what is wrong with a command, and exit with code 1."""
    from leadloop.inbox.operations.log import OperationError

    try:
        yield
    except OperationError as error:
        where = f"{error.field}: " if error.field else ""
        typer.echo(f"{where}{error.message}", err=True)
        raise typer.Exit(1) from None
