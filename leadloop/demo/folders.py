"""Where the demo finds its leads and keeps its state."""

from __future__ import annotations

import shutil
from pathlib import Path

from leadloop.embedded.processes import StateLock, stop_left_over
from leadloop.embedded.temporal_server import find_program

LEADS = Path("demo") / "leads.csv"
_SERVER_PID = "temporal.pid"
_OWN = ("leadloop.db", "ports.json", "lock")


class DemoError(Exception):
    """The demo cannot be played; the text says what to do."""


def find_leads(workspace: Path) -> Path:
    """Return the file of the demo's leads: in the workspace, else in the project. Raises `DemoError`."""
    project = Path(__file__).resolve().parent.parent.parent
    for folder in (workspace, project):
        if (folder / LEADS).is_file():
            return folder / LEADS
    raise DemoError(f"there is no {LEADS} in {workspace.resolve()}: name its folder with --workspace")


def empty_state(folder: Path) -> None:
    """Empty a state folder that an earlier run left, so that the demo starts afresh.

    Raises `AlreadyRunningError` while it is in use, and `DemoError` for a folder that holds
    something else.
    """
    if folder.is_dir() and any(folder.iterdir()) and not any((folder / name).exists() for name in _OWN):
        raise DemoError(f"{folder} holds something else than leadloop's state: name another folder")
    lock = StateLock(folder)
    try:
        lock.acquire()
        stop_left_over(folder / _SERVER_PID, find_program())
        for path in folder.iterdir():
            if path.name == "lock":
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    finally:
        lock.release()
