"""The file of a SQLite database: never made by looking at it, and noticed when it goes away.

SQLite makes an empty file where there is none, and goes on writing to one that was deleted or replaced
while it was open; what is written then is lost with the process.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url


class SqliteFile:
    """One database file, shared by the engines of a process."""

    def __init__(self, url: str) -> None:
        name = make_url(url).database
        self.path = None if name in (None, "", ":memory:") else Path(str(name))
        self._opened: tuple[int, int] | None = None
        self._mutex = threading.Lock()

    def guard(self, engine: Engine) -> None:
        """Let an engine open the file only where it is there."""
        if self.path is not None:
            event.listen(engine, "do_connect", self._open_existing)

    @property
    def is_missing(self) -> bool:
        """True where there is no such file."""
        return self.path is not None and not self.path.exists()

    def make(self) -> None:
        """Make an empty file where there is none. Raises `OSError`."""
        if self.path is not None:
            self.path.touch()

    def problem(self) -> str | None:
        """Return what is wrong with the file; None while it is the one that was opened first."""
        if self.path is None:
            return None
        try:
            found = os.stat(self.path)
        except OSError as error:
            if self._opened is None:
                return f"there is no database {self.path} ({error.strerror}): run `leadloop db upgrade`"
            return f"the database {self.path} was deleted while it was in use: put it back, and start again"
        identity = (found.st_dev, found.st_ino)
        with self._mutex:
            self._opened = self._opened or identity
        if identity != self._opened:
            return (
                f"the database {self.path} was replaced while it was in use: start again to use the new one"
            )
        return None

    def _open_existing(
        self, _dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]
    ) -> None:
        arguments[:] = [f"file:{quote(str(self.path))}?mode=rw"]
        options["uri"] = True
