"""A mail server that takes every mail at once, in a process of its own. Prints its port."""

from __future__ import annotations

import sys
from typing import Any

from aiosmtpd.controller import Controller

from leadloop.embedded.processes import free_port


class _Sink:
    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        return "250 2.0.0 taken"


def main() -> None:
    """Run until standard input ends."""
    controller = Controller(_Sink(), hostname="127.0.0.1", port=free_port())
    controller.start()
    print(controller.port, flush=True)
    sys.stdin.read()
    controller.stop()


if __name__ == "__main__":
    main()
