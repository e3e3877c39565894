"""Where the workspace of a command is: an option, or the nearest folder that holds one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MARK = Path("scenarios") / "workspace.yaml"

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        show_default=False,
        help="The folder with scenarios/ and templates/. Default: the nearest one, from here upwards.",
    ),
]


def find_workspace(folder: Path | None, start: Path | None = None) -> Path:
    """Return the workspace folder: as given, or the nearest one from `start` upwards.

    `start` is the current folder if it is not given. Without any workspace, the current folder: compiling
    it then says what is missing.
    """
    if folder is not None:
        return folder
    here = Path.cwd()
    first = here if start is None else start.resolve()
    return next((one for one in (first, *first.parents) if (one / MARK).is_file()), here)
