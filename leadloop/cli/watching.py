"""Waits until a file of a workspace changes. Polls, so that network and container folders work too."""

from __future__ import annotations

import os
import time
from pathlib import Path

EVERY_SECONDS = 0.5
FOLDERS = ("scenarios", "templates")

Snapshot = dict[str, tuple[int, int]]
"""Path -> (time of the last change in nanoseconds, size)."""


def snapshot(folder: Path) -> Snapshot:
    """Return the state of every file that `check` reads."""
    found: Snapshot = {}
    for root in (os.path.join(folder, one) for one in FOLDERS):
        for parent, _, names in os.walk(root):
            for name in names:
                path = os.path.join(parent, name)
                try:
                    state = os.stat(path)
                except OSError:  # gone since it was listed: an editor that saves by renaming
                    continue
                found[path] = (state.st_mtime_ns, state.st_size)
    return found


def wait_for_change(folder: Path, before: Snapshot) -> Snapshot:
    """Return the new state, once it differs from `before` and has been still for one poll."""
    last = before
    while True:
        time.sleep(EVERY_SECONDS)
        now = snapshot(folder)
        if now == last and now != before:
            return now
        last = now


def changed(folder: Path, before: Snapshot, after: Snapshot) -> list[str]:
    """Return the files that appeared, changed or went, by their path below the workspace."""
    paths = (path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return sorted(Path(os.path.relpath(path, folder)).as_posix() for path in paths)
