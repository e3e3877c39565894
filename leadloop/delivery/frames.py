"""Messages between the renderer and its child: JSON after its length (4 bytes, big-endian)."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

MAX_FRAME = 32 * 1024 * 1024
_LENGTH = struct.Struct(">I")


def read_frame(stream: BinaryIO) -> Any | None:
    """Return the next message, None at the end. Raises `ValueError` for a broken one."""
    head = _read_exactly(stream, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise ValueError("a message is too long")
    body = _read_exactly(stream, length)
    return None if body is None else json.loads(body)


def write_frame(stream: BinaryIO, message: Any) -> None:
    """Write one message. Raises `ValueError` where it is too long."""
    body = json.dumps(message, ensure_ascii=True).encode("ascii")
    if len(body) > MAX_FRAME:
        raise ValueError("a message is too long")
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def _read_exactly(stream: BinaryIO, count: int) -> bytes | None:
    data = b""
    while len(data) < count:
        part = stream.read(count - len(data))
        if not part:
            return None
        data += part
    return data
