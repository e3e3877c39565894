"""The web server, on a thread of its own so that slow pages never hold up journeys."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 10.0
"""A connection that has sent no whole request head for so long is closed."""
KEEP_SECONDS = 5
"""So long an answered connection may rest before its next request."""
_SPARE_FILES = 256
_MOST_CONNECTIONS = 20_000
_FEWEST_CONNECTIONS = 64
_START_SECONDS = 30.0


@contextmanager
def running_web(
    app: FastAPI,
    host: str,
    port: int,
    *,
    head_seconds: float = HEAD_SECONDS,
    most_connections: int | None = None,
) -> Iterator[None]:
    """Serve an application while the block runs. Raises `OSError` where the port is taken.

    Connections that say nothing, or their request too slowly, are closed after `head_seconds`, and the
    oldest of them at once where there are more than `most_connections` (default: by the open files that
    the system allows), so that they never keep others out.
    """
    most = most_connections if most_connections is not None else _room_for_connections()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            http=_protocol(head_seconds, most),
            timeout_keep_alive=KEEP_SECONDS,
            timeout_graceful_shutdown=10,
        )
    )
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise OSError(f"the web server did not start on {host}:{port}: is the port taken?")
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)


def _protocol(head_seconds: float, most: int) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with bounds on connections that send no request.

    uvicorn bounds how long a connection rests after an answer, but not how long a head may take.
    """
    waiting: dict[Any, asyncio.TimerHandle] = {}
    base: Any = AutoHTTPProtocol

    class BoundedProtocol(base):  # type: ignore[misc]
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._wait()
            if len(self.connections) > most and waiting:
                _close(next(iter(waiting)))

        def connection_lost(self, error: Exception | None) -> None:
            self._forget()
            super().connection_lost(error)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._forget()
            elif self not in waiting:
                self._wait()

        def _wait(self) -> None:
            waiting[self] = self.loop.call_later(head_seconds, _close, self)

        def _forget(self) -> None:
            timer = waiting.pop(self, None)
            if timer is not None:
                timer.cancel()

    def _close(protocol: Any) -> None:
        waiting.pop(protocol).cancel()
        protocol.transport.abort()

    return BoundedProtocol


def _room_for_connections() -> int:
    """Let this process open as many files as the system allows it; return how many connections fit."""
    try:
        import resource
    except ImportError:  # not on Windows
        return _FEWEST_CONNECTIONS * 4
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _SPARE_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    if soft == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(_FEWEST_CONNECTIONS, min(_MOST_CONNECTIONS, soft - _SPARE_FILES))
