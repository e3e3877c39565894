"""Commands that are imported when they run, so that `leadloop check` starts at once."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from leadloop.cli.failures import explain


@dataclass(frozen=True)
class LazyCommand:
    """A command by name: where it is, its line in `--help`, and whether it may log."""

    name: str
    target: str
    """`module:attribute`, a function or a `typer.Typer`."""
    summary: str
    logs: bool = True


class LazyGroup(TyperGroup):
    """Lists its commands from the table and imports one only to run it.

    A failure that a person can do something about becomes one line on standard error and exit code
    1; any other exception is a defect and keeps its traceback.
    """

    table: Sequence[LazyCommand] = ()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {one.name: TyperCommand(one.name, help=one.summary) for one in self.table}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Replace the line of the table by the real command."""
        name, _, rest = super().resolve_command(ctx, args)
        found = next((one for one in self.table if one.name == name), None)
        return name, _load(found) if found else None, rest

    def invoke(self, ctx: Any) -> Any:
        """Run a command; explain the failures that are not defects."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.replace("Value error, ", "")  # pydantic's words before Typer's
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise
            text = explain(error)
            if text is None:
                raise
            typer.echo(f"leadloop: {text}", err=True)
            raise typer.Exit(1) from None


def _load(entry: LazyCommand) -> Any:
    """Import a command. The plain help of the table is used throughout: no boxes, no markup."""
    module, _, attribute = entry.target.partition(":")
    target = getattr(import_module(module), attribute)
    if entry.logs:
        from leadloop.cli.logs import start_logs

        start_logs()
    if isinstance(target, typer.Typer):
        command: Any = get_group(target)
    else:
        own = typer.Typer(add_completion=False)
        own.command(entry.name)(target)
        command = get_command(own)
    _make_plain(command)
    return command


def _make_plain(command: Any) -> None:
    command.rich_markup_mode = None
    for inner in getattr(command, "commands", {}).values():
        _make_plain(inner)
