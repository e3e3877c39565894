"""The child process that renders templates: `python -m leadloop.delivery.render_child`.

It reads requests on standard input and writes replies on standard output (`frames`). Memory is
limited for the process, CPU time for each request; the parent limits wall time by killing it. It
knows no database, no address of a server and no key.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import Any

from leadloop.delivery.frames import read_frame, write_frame
from leadloop.delivery.rendering import TemplateFailure, render_mail

MEMORY_BYTES = 256 * 1024 * 1024
CPU_SECONDS = 3


def main() -> None:
    """Serve requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    _limit_memory()
    write_frame(replies, {"ready": True})
    while (request := read_frame(requests)) is not None:
        _limit_cpu()
        reply, exhausted = _answer(request)
        write_frame(replies, reply)
        if exhausted:
            return


def _answer(request: Any) -> tuple[dict[str, Any], bool]:
    try:
        return {"ok": render_mail(request)}, False
    except TemplateFailure as failure:
        return {"error": failure.code, "message": failure.message}, failure.code == "too_big"
    except RecursionError:
        return {"error": "too_big", "message": "nested too deeply"}, True
    except MemoryError:
        return {"error": "too_big", "message": "needs too much memory"}, True


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + CPU_SECONDS, hard))


if __name__ == "__main__":
    main()
