"""An SMTP server that misbehaves on command."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from typing import BinaryIO


class Sink:
    """Answers each command with 250, or as `replies` says (verb -> reply, or `drop`).

    Verbs: `CONNECT EHLO MAIL RCPT DATA DOT RSET`. `DOT` is the end of a mail. A list of replies is used
    up one by one, the last one for ever.
    """

    def __init__(self, replies: Mapping[str, str | list[str]] | None = None) -> None:
        self.replies = {verb: [r] if isinstance(r, str) else list(r) for verb, r in (replies or {}).items()}
        self.mails: list[bytes] = []
        self.accepted = 0
        self.commands: list[str] = []
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.drop_all()

    def drop_all(self) -> None:
        """Close every connection from this side, as a server does that found them idle."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _reply(self, connection: socket.socket, verb: str, usual: str) -> str:
        replies = self.replies.get(verb)
        reply = usual if not replies else replies.pop(0) if len(replies) > 1 else replies[0]
        if reply == "drop":
            connection.shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError
        connection.sendall(reply.encode() + b"\r\n")
        return reply

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as lines:
                self._reply(connection, "CONNECT", "220 sink")
                while line := lines.readline():
                    verb = line.decode("ascii", "replace").split(" ")[0].split(":")[0].strip().upper()
                    self.commands.append(line.decode("ascii", "replace").strip())
                    usual = {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 2.0.0 ok")
                    reply = self._reply(connection, verb, usual)
                    if verb == "DATA" and reply.startswith("354"):
                        self._read_mail(connection, lines)
        except (OSError, ValueError):
            return

    def _read_mail(self, connection: socket.socket, lines: BinaryIO) -> None:
        content = b""
        while (line := lines.readline()) and line != b".\r\n":
            content += line
        self.mails.append(content)
        if self._reply(connection, "DOT", "250 2.0.0 taken").startswith("250"):
            self.accepted += 1
