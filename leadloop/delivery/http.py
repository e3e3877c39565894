"""The one HTTP client for calls to other systems: short timeouts, no redirects.

What an address answers is read only as far as its status code, so a huge or slow body costs nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

import httpx

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
WHOLE_SECONDS = 30.0
"""For a call from connecting to its status code: a receiver that sends a byte at a time ends here."""
_THIS_MACHINE = ("all://localhost", "all://127.0.0.1", "all://[::1]")
"""Never behind a proxy that the environment names."""


class NoAnswerError(Exception):
    """The other side gave no answer. `code` is `timeout`, `connection_failed` or `bad_answer`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class HttpClient:
    """Posts to addresses of the installation's settings. Safe to use from several threads.

    The requests run on an event loop in a thread of its own: only there can a whole call have a limit.
    """

    def __init__(self, whole_seconds: float = WHOLE_SECONDS) -> None:
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        direct: dict[str, httpx.AsyncBaseTransport | None] = dict.fromkeys(_THIS_MACHINE)
        self._client = httpx.AsyncClient(timeout=timeout, follow_redirects=False, mounts=direct)
        self._whole_seconds = whole_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        self._thread.start()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post a body and return the status code of the answer. Raises `NoAnswerError`."""
        try:
            return asyncio.run_coroutine_threadsafe(self._post(url, body, headers), self._loop).result()
        except (httpx.TimeoutException, TimeoutError):
            raise NoAnswerError("timeout") from None
        except httpx.TransportError:
            raise NoAnswerError("connection_failed") from None
        except httpx.HTTPError:
            raise NoAnswerError("bad_answer") from None

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        async with asyncio.timeout(self._whole_seconds):
            async with self._client.stream("POST", url, content=body, headers=dict(headers)) as answer:
                return answer.status_code

    def close(self) -> None:
        """Close the connections that are kept open."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
