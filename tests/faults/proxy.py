"""A TCP proxy that breaks connections on command: cut, stall, delay, reset, truncate."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any


class Proxy:
    """Stands in front of one server of this machine. Commands may come from any thread."""

    def __init__(self, behind: int) -> None:
        self.connections = 0
        """Accepted so far."""
        self._behind = behind
        self._is_cut, self._delay = False, 0.0
        self._limit: int | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._flow = asyncio.Event()
        self._flow.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._ask(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def heal(self) -> None:
        """Pass everything again."""
        self._tell(lambda: self._set(False, 0.0, None, flows=True))

    def cut(self) -> None:
        """Drop every connection, and each new one at once."""
        self._tell(lambda: self._set(True, 0.0, None, flows=True))
        self.reset()

    def stall(self) -> None:
        """Keep connections open and accept new ones, but pass no byte either way."""
        self._tell(lambda: self._set(False, 0.0, None, flows=False))

    def delay(self, seconds: float) -> None:
        """Hold every piece of data for a time."""
        self._tell(lambda: self._set(False, seconds, None, flows=True))

    def truncate(self, size: int) -> None:
        """Pass `size` bytes of the server's answer on each new connection, then drop it."""
        self._tell(lambda: self._set(False, 0.0, size, flows=True))

    def reset(self) -> None:
        """Drop every connection once; new ones work."""
        self._tell(self._abort)

    def close(self) -> None:
        """End the proxy and its connections."""
        self.cut()
        self._tell(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _abort(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    def _set(self, is_cut: bool, delay: float, limit: int | None, *, flows: bool) -> None:
        self._is_cut, self._delay, self._limit = is_cut, delay, limit
        (self._flow.set if flows else self._flow.clear)()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._is_cut:
            writer.transport.abort()
            return
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._behind)
            ends = {writer, far_writer}
            self._open |= ends
            try:
                await asyncio.gather(
                    self._pump(reader, far_writer, None), self._pump(far_reader, writer, self._limit)
                )
            finally:
                self._open -= ends
                for end in ends:
                    end.transport.abort()
            return
        writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None
    ) -> None:
        while data := await reader.read(65536):
            await self._flow.wait()
            if self._delay:
                await asyncio.sleep(self._delay)
            writer.write(data if left is None else data[:left])
            await writer.drain()
            if left is not None:
                left -= len(data)
                if left <= 0:
                    await asyncio.sleep(0.01)  # what was written goes out before the drop
                    raise ConnectionResetError
        writer.write_eof()

    def _ask(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _tell(self, work: Callable[[], object]) -> None:
        async def do() -> None:
            work()

        self._ask(do())
