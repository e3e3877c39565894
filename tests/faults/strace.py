"""`strace` on a running process: failing system calls, and counting them."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kill.engine import wait_until

SYNC = "fsync,fdatasync"


@contextmanager
def traced(pid: int, log: Path, *options: str) -> Iterator[None]:
    """Run `strace` on all threads of a process while the block runs; skip where it may not.

    Raises nothing of its own: a process that may not be traced skips the test, with strace's words.
    """
    program = shutil.which("strace")
    if program is None:
        pytest.skip("there is no strace")
    tracer = subprocess.Popen(
        [program, "-f", "-e", f"trace={SYNC}", *options, "-o", str(log), "-p", str(pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    said = tracer.stderr.readline()  # the first line comes once it is attached, or refused
    if "attached" not in said:
        tracer.kill()
        tracer.wait()
        pytest.skip(f"strace may not trace here: {said.strip()}")
    wait_until(lambda: _is_traced(pid), 30, "every thread is traced")
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(30)


def _is_traced(pid: int) -> bool:
    tasks = Path(f"/proc/{pid}/task").glob("*/status")
    return all(re.search(r"TracerPid:\s*[1-9]", task.read_text()) for task in tasks)


def syncs(log: Path, result: str = "0") -> int:
    """Return how many `fsync` and `fdatasync` in a log ended with a result."""
    return len(re.findall(rf"(?:fsync|fdatasync)[^\n]*= {re.escape(result)}", log.read_text()))
