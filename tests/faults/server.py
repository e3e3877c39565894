"""A Temporal server that a test kills and starts again, on the same port and database."""

from __future__ import annotations

import subprocess
from pathlib import Path

from leadloop.embedded.processes import free_port
from leadloop.embedded.temporal_server import find_program
from tests.kill.engine import answers, wait_until


class TemporalServer:
    """The dev server, with the file settings that `leadloop up` gives it.

    Raises `ServerMissingError` where there is no program.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log = folder / "temporal.log"
        self._command = [
            find_program(), "server", "start-dev", "--headless", "--ip", "127.0.0.1",
            "--port", str(self.port), "--db-filename", str(folder / "temporal.db"),
            "--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=FULL",
            "--log-level", "error",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(lambda: answers(self.port), 60, "the Temporal server answers")

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
