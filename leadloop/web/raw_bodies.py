"""Reading a body within bounds: of its bytes when unpacked, and of all bodies together."""

from __future__ import annotations

import zlib

from starlette.requests import ClientDisconnect, Request

from leadloop.web.problems import ProblemError

UNPACKED_LIMIT = 4_000_000
"""Bytes of a body after `Content-Encoding: gzip` is undone."""
_ALL_LIMIT = 64_000_000
_GZIP = 16 + zlib.MAX_WBITS


class Bodies:
    """Reads bodies; those that are being read together have at most 64 MB."""

    def __init__(self) -> None:
        self._held = 0

    async def read(self, request: Request) -> bytes:
        """Return the bytes as they were sent. Raises `ProblemError` 400 and 429."""
        parts: list[bytes] = []
        size = 0
        try:
            async for part in request.stream():
                size += len(part)
                self._held += len(part)
                if self._held > _ALL_LIMIT:
                    raise ProblemError(429, "too much is being sent at once", retry_after=1)
                parts.append(part)
        except ClientDisconnect:
            raise ProblemError(400, "the connection ended within the body") from None
        finally:
            self._held -= size
        return parts[0] if len(parts) == 1 else b"".join(parts)


def unpacked(request: Request, body: bytes) -> bytes:
    """Return the body without its content encoding. Raises `ProblemError` 400, 413 and 415."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return body
    if encoding not in {"gzip", "x-gzip"}:
        raise ProblemError(415, "send the body as it is, or with `Content-Encoding: gzip`")
    unpacker = zlib.decompressobj(wbits=_GZIP)
    try:
        plain = unpacker.decompress(body, UNPACKED_LIMIT + 1)
    except zlib.error:
        raise ProblemError(400, "the body is not gzip") from None
    if len(plain) > UNPACKED_LIMIT:
        raise ProblemError(413, f"the body is larger than {UNPACKED_LIMIT} bytes when it is unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise ProblemError(400, "the gzip body is cut off, or something follows it")
    return plain
