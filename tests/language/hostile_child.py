"""Compiles one workspace with little memory and little time, and prints what came of it as JSON.

    python -m tests.language.hostile_child    (then one folder a line on standard input)

Each workspace is compiled in a process of its own, forked when everything is imported: the limits
are the 100 MB and the half second of processor time that one file may cost.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path

from leadloop.language.compiler import compile_workspace

MEMORY = 100 * 1024 * 1024
PROCESSOR = 0.5
CLOCK = 20
"""Seconds after which a process that waits for something is ended."""
NOBODY = 65534


def main() -> None:
    """Compile a good workspace first, so that all is loaded; then each folder."""
    compile_workspace(Path(sys.argv[1]))
    for line in sys.stdin:
        folder = Path(line.rstrip("\n"))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _limit()
            with os.fdopen(writing, "w") as out:
                out.write(json.dumps(_compiled(folder)))
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as found:
            text = found.read()
        _, status = os.waitpid(child, 0)
        print(text or json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    size = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, PROCESSOR)
    signal.alarm(CLOCK)


def _compiled(folder: Path) -> dict[str, object]:
    os.chdir(folder)
    if os.geteuid() == 0:  # to whom no file is unreadable
        os.seteuid(NOBODY)
    try:
        compilation = compile_workspace(Path("."))
        texts = [one.render("ja") for one in compilation.diagnostics]
    except BaseException as error:
        return {"raised": repr(error)[:300]}
    return {
        "codes": sorted({one.code for one in compilation.errors}),
        "paths": sorted({one.path for one in compilation.errors}),
        "published": compilation.publication is not None,
        "text": "\n".join(texts)[:2000],
    }


if __name__ == "__main__":
    main()
