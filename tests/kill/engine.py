"""A real engine for kill tests: dev server, mail server, database file, `worker.py` as a process."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session

from leadloop.clock import RealClock
from leadloop.embedded.processes import free_port
from leadloop.embedded.temporal_server import find_program
from leadloop.keys import Keys
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import upgrade
from leadloop.storage.publications import PublicationStore, publish
from tests.databases import open_database
from tests.factories import SECRET, TEMPLATES, make_publication, make_workspace

ROOT = Path(__file__).parents[2]
_STARTS = 5
LAYOUT = "<html><body>{{ content }}<a href='{{ unsubscribe_url }}'>停止</a></body></html>"


class SlowSink:
    """A mail server that takes every mail and answers after 0 to 50 ms. Counts messages by id."""

    hold_seconds = 0.0
    """How much later than that it answers."""

    def __init__(self) -> None:
        self.received: Counter[str] = Counter()
        self._random = random.Random(7)
        self._lock = threading.Lock()
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())
        self._controller.start()
        self.port: int = self._controller.port

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        headers = message_from_bytes(content if isinstance(content, bytes) else b"")
        with self._lock:
            self.received[headers["X-Leadloop-Message"]] += 1
        await asyncio.sleep(self.hold_seconds + self._random.uniform(0, 0.05))
        return "250 2.0.0 taken"

    def close(self) -> None:
        self._controller.stop()


class Engine:
    """Everything but the worker runs all the time; workers come and die.

    Its workspace has a name of its own, so that engines on one server do not meet. Without `url` the
    database is a SQLite file.
    """

    def __init__(self, folder: Path, temporal: str, sink: SlowSink, url: str | None = None) -> None:
        self.sink = sink
        self.folder = folder
        self._workers: list[subprocess.Popen[bytes]] = []
        publication = make_publication(
            workspace=make_workspace(name=f"acme-{sink.port}"),
            templates={**TEMPLATES, "layouts/default.ja.html.j2": LAYOUT},
        )
        self.workspace = publication.workspace.name
        database = open_database(folder) if url is None else Database(url)
        upgrade(database)
        with database.write() as session:
            publish(session, publication, "tests", RealClock().now())
        self.env = Environment(database, RealClock(), Keys(SECRET), PublicationStore(database))
        self.variables = {
            **os.environ,
            "LEADLOOP_DATABASE_URL": database.url,
            "LEADLOOP_STATE": str(folder),
            "LEADLOOP_SECRET": SECRET.decode(),
            "LEADLOOP_SMTP_PORT": str(sink.port),
            "TEMPORAL_ADDRESS": temporal,
        }

    def start_worker(
        self, fail_at: str | None = None, run: Sequence[str] = (), **variables: str
    ) -> subprocess.Popen[bytes]:
        """Start `worker.py`, for some kinds of work only if they are named.

        It dies at a failpoint if one is named; more variables may be given.
        """
        kinds = ["--run", *run] if run else []
        return self._start([sys.executable, "worker.py", *kinds], "worker.log", fail_at, variables)

    def start_web(self, fail_at: str | None = None) -> tuple[subprocess.Popen[bytes], str]:
        """Start `leadloop serve`; return it and its address, once it answers."""
        port = free_port()
        program = str(Path(sys.executable).with_name("leadloop"))
        web = self._start([program, "serve", "--port", str(port)], "web.log", fail_at)
        wait_until(lambda: answers(port), 60, "the web server answers")
        return web, f"http://127.0.0.1:{port}"

    def _start(
        self, command: list[str], log_name: str, fail_at: str | None, more: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        variables = {**self.variables, **(more or {}), **({"LEADLOOP_FAIL_AT": fail_at} if fail_at else {})}
        with (self.folder / log_name).open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)
        self._workers.append(process)
        return process

    def close(self) -> None:
        """End what still runs."""
        for worker in self._workers:
            worker.kill()  # also one that is stopped
            worker.wait()
        self.env.database.close()

    def log(self) -> str:
        """Return the end of what the workers wrote."""
        return (self.folder / "worker.log").read_text(errors="replace")[-4000:]


def answers(port: int) -> bool:
    """Return whether something listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(reached: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition. Raises `AssertionError` once the time is over."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {seconds:g} s: {what}")
        time.sleep(0.05)


@contextmanager
def dev_server(folder: Path, *options: str) -> Iterator[str]:
    """Run Temporal's dev server with a file database; yield its address once it answers there.

    A port that was free may be taken before the server binds it, by anybody's connection; the server then
    ends, and is started on another one. Raises `AssertionError` where it ends by itself afterwards.
    """
    log = folder / "temporal.log"
    for _ in range(_STARTS):
        port = free_port()
        server = _start_server(folder, port, options, log)
        wait_until(
            lambda: server.poll() is not None or answers(port),  # noqa: B023
            120,
            "Temporal's server answers",
        )
        if server.poll() is None:
            break
    try:
        yield f"127.0.0.1:{port}"
        assert server.poll() is None, f"Temporal's server ended: {log.read_text(errors='replace')[-4000:]}"
    finally:
        server.kill()
        server.wait()


def _start_server(folder: Path, port: int, options: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    command = [
        find_program(), "server", "start-dev", "--headless", "--ip", "127.0.0.1",
        "--port", str(port), "--db-filename", str(folder / "temporal.db"), "--log-level", "error",
        *options,
    ]  # fmt: skip
    with log.open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)
