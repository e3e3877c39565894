"""The one HTTP client for calls to other systems: short timeouts, no redirects.

What an address answers is read only as far as its status code, so a huge or slow body costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
_THIS_MACHINE = ("all://localhost", "all://127.0.0.1", "all://[::1]")
"""Never behind a proxy that the environment names."""


class NoAnswerError(Exception):
    """The other side gave no answer. `code` is `timeout`, `connection_failed` or `bad_answer`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class HttpClient:
    """Posts to addresses of the installation's settings. Safe to use from several threads."""

    def __init__(self) -> None:
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        direct: dict[str, httpx.BaseTransport | None] = dict.fromkeys(_THIS_MACHINE)
        self._client = httpx.Client(timeout=timeout, follow_redirects=False, mounts=direct)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post a body and return the status code of the answer. Raises `NoAnswerError`."""
        try:
            with self._client.stream("POST", url, content=body, headers=dict(headers)) as answer:
                return answer.status_code
        except httpx.TimeoutException:
            raise NoAnswerError("timeout") from None
        except httpx.TransportError:
            raise NoAnswerError("connection_failed") from None
        except httpx.HTTPError:
            raise NoAnswerError("bad_answer") from None

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()
