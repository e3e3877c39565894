"""What every request must pass, and the headers that every response carries."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadloop.web.problems import problem

BODY_LIMIT = 1_000_000
"""Bytes of a request body."""
BODY_SECONDS = 15.0
"""A body that takes longer to arrive is given up: slow senders must not hold memory and threads."""

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_OPEN_TO_ALL = ("/t/", "/u/", "/v1/forms/")
"""Paths that other sites and mail programs call by design."""


class Guard:
    """ASGI middleware: known hosts only, no cross-site calls, bounded bodies, security headers.

    Without API keys the server listens on loopback; the Host check keeps a foreign page from
    reaching it through a name that it re-points there (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        public = (urlsplit(public_url).hostname or "").lower()
        self._hosts = _LOOPBACK | ({public} if public else frozenset())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        send = _with_headers(send)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            status, detail = refusal
            await problem(status, detail)(scope, receive, send)
            return
        body = _BoundedBody(receive)
        try:
            await self._app(scope, body.receive, send)
        except _TooLargeError:
            await problem(413, f"the body is larger than {BODY_LIMIT} bytes")(scope, receive, send)
        except _TooSlowError:
            await problem(408, "the body took too long to arrive")(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = _host_name(headers.get("host", ""))
        if host not in self._hosts:
            return 421, "this server does not answer for that host"
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            return 400, "an address holds no NUL"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length[:20]) > BODY_LIMIT:
            return 413, f"the body is larger than {BODY_LIMIT} bytes"
        safe = scope["method"] in {"GET", "HEAD", "OPTIONS"}
        if not safe and not scope["path"].startswith(_OPEN_TO_ALL) and not _same_origin(headers):
            return 403, "this request comes from another site"
        return None


class _TooLargeError(Exception):
    pass


class _TooSlowError(Exception):
    pass


class _BoundedBody:
    """Counts the bytes of a body that does not say its length, and the time until all of it is there."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen = 0
        self._until: float | None = asyncio.get_running_loop().time() + BODY_SECONDS

    async def receive(self) -> Message:
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise _TooSlowError from None
        if not message.get("more_body", False):
            self._until = None  # what comes now is the end of the connection, whenever that is
        self._seen += len(message.get("body", b""))
        if self._seen > BODY_LIMIT:
            raise _TooLargeError
        return message


def _same_origin(headers: Headers) -> bool:
    """Browsers name where a POST comes from (Fetch Metadata, Origin); other clients need not."""
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Content-Security-Policy", PAGE_POLICY)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("X-Frame-Options", "DENY")
            headers.setdefault("Referrer-Policy", "no-referrer")
            headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return wrapped
