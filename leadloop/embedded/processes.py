"""Child processes of the embedded stack, and what is left of them after a crash."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 10.0


class AlreadyRunningError(Exception):
    """Another process uses this state folder."""


class PortTakenError(Exception):
    """A port that somebody chose is in use."""


class StateLock:
    """Keeps a second stack off one state folder. Released by the system when the process dies."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "lock"
        self._file = self._path.open("a+")

    def acquire(self) -> None:
        """Take the lock. Raises `AlreadyRunningError`."""
        try:
            _lock_file(self._file.fileno())
        except OSError:
            raise AlreadyRunningError(
                f"another leadloop uses {self._path.parent}: stop it, or name another folder with --state"
            ) from None

    def release(self) -> None:
        """Give the lock back."""
        self._file.close()


def _lock_file(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def free_port(preferred: int | None = None) -> int:
    """Return a free loopback port: the preferred one where it is free."""
    if preferred is not None:
        with contextlib.suppress(OSError):
            return _try_port(preferred)
    return _try_port(0)


def take_port(port: int) -> None:
    """Raise `PortTakenError` where a loopback port is not free."""
    try:
        _try_port(port)
    except OSError:
        raise PortTakenError(f"port {port} (LEADLOOP_PORT) is in use: choose another one") from None


def _try_port(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


def start_child(command: Sequence[str], log: Path, pid_file: Path) -> subprocess.Popen[bytes]:
    """Start a program that dies with this process; its output goes to a file."""
    stop_left_over(pid_file, command[0])
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            start_new_session=True,  # Ctrl-C is for this process, which then stops its children in order
        )
    pid_file.write_text(str(child.pid))
    return child


def stop_child(child: subprocess.Popen[bytes], pid_file: Path) -> None:
    """Stop a program, gently first."""
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    pid_file.unlink(missing_ok=True)


def stop_left_over(pid_file: Path, program: str) -> None:
    """Stop what an earlier, killed process left running, if it still is that program."""
    try:
        pid = int(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return
    if _runs(pid, program):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while _runs(pid, program) and time.monotonic() < deadline:
            time.sleep(0.05)
        if _runs(pid, program):
            os.kill(pid, signal.SIGKILL)
    pid_file.unlink(missing_ok=True)


def _runs(pid: int, program: str) -> bool:
    listing = subprocess.run(  # noqa: S603
        ["ps", "-o", "stat=,args=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    line = listing.stdout.strip()
    return bool(line) and not line.startswith("Z") and Path(program).name in line


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
