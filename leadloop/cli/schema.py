"""`leadloop schema`: JSON Schema of the files, for editors."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class FileKind(StrEnum):
    """A kind of file."""

    scenario = "scenario"
    workspace = "workspace"
    scoring = "scoring"
    lifecycle = "lifecycle"
    streams = "streams"
    segments = "segments"


def schema(
    kind: Annotated[FileKind, typer.Argument(help="The kind of file.")] = FileKind.scenario,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder to write the schemas of all kinds into.", show_default=False
        ),
    ] = None,
) -> None:
    """Print the JSON Schema of a kind of file, or write those of all kinds into a folder.

    In VS Code the YAML extension uses it when the file begins with
    `# yaml-language-server: $schema=../schema/scenario.json`.
    """
    from leadloop.language.schema import schema as schema_of

    if output is None:
        typer.echo(json.dumps(schema_of(kind.value), ensure_ascii=False, indent=2))
        return
    output.mkdir(parents=True, exist_ok=True)
    for one in FileKind:
        path = output / f"{one.value}.json"
        path.write_text(
            json.dumps(schema_of(one.value), ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        typer.echo(f"wrote {path}")
