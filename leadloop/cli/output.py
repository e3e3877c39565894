"""What commands print: JSON documents, tables, times."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output, nothing else there.")
]
LeadArgument = Annotated[str, typer.Argument(help="The lead's id or mail address.", show_default=False)]


def print_json(document: Any) -> None:
    """Print one JSON document; instants as ISO 8601."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_table(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns; numbers to the right. Wide (East Asian) letters count as two."""
    cells = [[str(cell) for cell in row] for row in (heading, *rows)]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(heading))]
    right = [
        bool(rows) and all(isinstance(row[column], int) for row in rows) for column in range(len(heading))
    ]
    for row in cells:
        padded = [_pad(cell, widths[column], right[column]) for column, cell in enumerate(row)]
        typer.echo("  ".join(padded).rstrip())


def shown_at(at: datetime | None, zone: ZoneInfo) -> str:
    """Return an instant as people in the zone read it, to the minute; `–` for none."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if at is not None else "–"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space
