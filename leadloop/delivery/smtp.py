"""Handing mail to a mail server over SMTP (RFC 5321), in two phases around the claim.

open      connect, EHLO, TLS, login, MAIL FROM, RCPT TO   nothing can have been sent yet
deliver   DATA, the mail, the final dot                   from here on it may have been

SendError
├── RetryLaterError            nothing was handed over; try again
├── PermanentRefusalError      the server refuses this mail for good (5xx)
└── ConnectionLostAfterDataError   nobody knows whether the server took it
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Security = Literal["none", "starttls", "tls"]

COMMAND_SECONDS = 60.0
DATA_SECONDS = 660.0
"""After the final dot a server may take ten minutes (RFC 5321, 4.5.3.2.6); giving up earlier makes doubt."""
_MAILS_PER_CONNECTION = 100
_IDLE_SECONDS = 30.0
_LOGIN_CODES = frozenset({530, 534, 535, 538})
_ENHANCED_CODE = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


class SendError(Exception):
    """A mail that was not handed over for sure. `code` is for machines and holds no address."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RetryLaterError(SendError):
    """Nothing was handed over, and a later try may work: connection, TLS, login, 4xx."""


class PermanentRefusalError(SendError):
    """The server refuses this mail (5xx). `reply_code` is SMTP's, `status` RFC 3463's or empty."""

    def __init__(self, reply_code: int, status: str = "", *, of_address: bool = False) -> None:
        super().__init__(f"smtp_{reply_code}")
        self.reply_code = reply_code
        self.status = status
        self.of_address = of_address
        """The server refuses the recipient: other people's mails may go. Else somebody has to look."""


class ConnectionLostAfterDataError(SendError):
    """The connection ended after the mail went out and before the server's answer came in."""


@dataclass
class _Connection:
    smtp: smtplib.SMTP
    used: int = 0
    idle_since: float = 0.0


class SmtpTransaction:
    """A mail transaction that the server agreed to up to RCPT. Use it once, on the same thread."""

    def __init__(self, sender: SmtpSender, connection: _Connection) -> None:
        self._sender = sender
        self._connection = connection

    def deliver(self, content: bytes, written: Callable[[], None] = lambda: None) -> int:
        """Hand over the mail; return the server's reply code (2xx).

        `written` is called once the mail is out and before the server's answer is read.

        Raises `RetryLaterError`, `PermanentRefusalError` or `ConnectionLostAfterDataError`.
        """
        smtp = self._connection.smtp
        try:
            code, reply = smtp.docmd("DATA")
        except (OSError, smtplib.SMTPException):
            self._sender.drop(self._connection)
            raise RetryLaterError("connection_lost") from None
        if code != 354:
            self._sender.give_back(self._connection)
            raise _refusal("DATA", code, reply)
        try:
            if smtp.sock is not None:
                smtp.sock.settimeout(self._sender.data_seconds)
            smtp.send(_dot_stuffed(content))
            written()
            code, reply = smtp.getreply()
            if smtp.sock is not None:
                smtp.sock.settimeout(self._sender.command_seconds)
        except (OSError, smtplib.SMTPException):
            self._sender.drop(self._connection)
            raise ConnectionLostAfterDataError("connection_lost_after_data") from None
        if not 200 <= code < 600:  # an answer that is none
            self._sender.drop(self._connection)
            raise ConnectionLostAfterDataError("garbled_reply_after_data")
        self._sender.give_back(self._connection)
        if 200 <= code < 300:
            return code
        raise _refusal("DATA", code, reply)

    def abandon(self) -> None:
        """End the transaction without a mail."""
        self._sender.give_back(self._connection)


class SmtpSender:
    """Hands mail to one server. Each thread has its own connection, kept for the next mail.

    Where `security` is not `none`, no mail and no password ever travels in plain text.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        security: Security = "starttls",
        username: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        command_seconds: float = COMMAND_SECONDS,
        data_seconds: float = DATA_SECONDS,
    ) -> None:
        self._address = (host, port)
        self._security = security
        self._login = (username, password) if username and password else None
        self._tls = tls or ssl.create_default_context()
        self.command_seconds = command_seconds
        self.data_seconds = data_seconds
        self._local = threading.local()
        self._all: set[smtplib.SMTP] = set()
        self._all_lock = threading.Lock()

    def open(self, from_address: str, to_address: str) -> SmtpTransaction:
        """Begin a mail up to RCPT. Both addresses were checked (`checked_address`).

        Raises `RetryLaterError` or `PermanentRefusalError`.
        """
        kept = self._kept()
        if kept is not None:
            try:
                return self._begin(kept, from_address, to_address)
            except RetryLaterError as error:  # the server may have closed a connection it found idle
                if error.code not in ("connection_lost", "smtp_421"):
                    raise
        return self._begin(self._connect(), from_address, to_address)

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._all_lock:
            connections, self._all = self._all, set()
        for smtp in connections:
            smtp.close()
        self._local = threading.local()

    def give_back(self, connection: _Connection) -> None:
        """Keep a connection for this thread's next mail, if the server still agrees."""
        try:
            if connection.smtp.sock is None or connection.used >= _MAILS_PER_CONNECTION:
                raise smtplib.SMTPServerDisconnected("worn out")
            code, _ = connection.smtp.rset()
            if code != 250:
                raise smtplib.SMTPServerDisconnected("RSET refused")
        except (OSError, smtplib.SMTPException):
            self.drop(connection)
            return
        connection.idle_since = time.monotonic()
        self._local.connection = connection

    def drop(self, connection: _Connection) -> None:
        """Close a connection."""
        with self._all_lock:
            self._all.discard(connection.smtp)
        with contextlib.suppress(OSError, smtplib.SMTPException):
            connection.smtp.close()

    def _kept(self) -> _Connection | None:
        connection: _Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is None:
            return None
        if connection.smtp.sock is None or time.monotonic() - connection.idle_since > _IDLE_SECONDS:
            self.drop(connection)
            return None
        return connection

    def _connect(self) -> _Connection:
        host, port = self._address
        try:
            if self._security == "tls":
                smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    host, port, timeout=self.command_seconds, context=self._tls
                )
            else:
                smtp = smtplib.SMTP(host, port, timeout=self.command_seconds)
        except ssl.SSLError:
            raise RetryLaterError("tls_failed") from None
        except smtplib.SMTPConnectError as error:
            raise RetryLaterError(f"smtp_{error.smtp_code}") from None
        except (OSError, smtplib.SMTPException):
            raise RetryLaterError("connection_failed") from None
        connection = _Connection(smtp)
        with self._all_lock:
            self._all.add(smtp)
        try:
            self._greet(smtp)
        except SendError:
            self.drop(connection)
            raise
        return connection

    def _greet(self, smtp: smtplib.SMTP) -> None:
        try:
            smtp.ehlo_or_helo_if_needed()
            if self._security == "starttls":
                smtp.starttls(context=self._tls)
                smtp.ehlo_or_helo_if_needed()
            if self._login is not None:
                smtp.login(*self._login)
        except smtplib.SMTPAuthenticationError as error:
            raise RetryLaterError(f"login_{error.smtp_code}") from None
        except smtplib.SMTPNotSupportedError:
            raise RetryLaterError("tls_or_login_unavailable") from None
        except ssl.SSLError:
            raise RetryLaterError("tls_failed") from None
        except smtplib.SMTPResponseException as error:
            raise RetryLaterError(f"smtp_{error.smtp_code}") from None
        except (OSError, smtplib.SMTPException):
            raise RetryLaterError("connection_lost") from None

    def _begin(self, connection: _Connection, from_address: str, to_address: str) -> SmtpTransaction:
        connection.used += 1
        for command in (f"MAIL FROM:<{from_address}>", f"RCPT TO:<{to_address}>"):
            try:
                code, reply = connection.smtp.docmd(command)
            except (OSError, smtplib.SMTPException, ValueError):
                self.drop(connection)
                raise RetryLaterError("connection_lost") from None
            if not 200 <= code < 300:
                if code == 421:
                    self.drop(connection)
                else:
                    self.give_back(connection)
                raise _refusal(command[:4], code, reply)
        return SmtpTransaction(self, connection)


def _refusal(verb: str, code: int, reply: bytes) -> SendError:
    """Return the error for a reply; its text is left out, as servers repeat the address in it."""
    if 500 <= code < 600 and code not in _LOGIN_CODES:
        found = _ENHANCED_CODE.search(reply.decode("ascii", "replace"))
        status = found[1] if found else ""
        return PermanentRefusalError(code, status, of_address=_is_of_address(verb, status))
    return RetryLaterError(f"smtp_{code}")


def _is_of_address(verb: str, status: str) -> bool:
    """Return whether a refusal is of the recipient, by RFC 3463: 5.1 address, 5.2 mailbox, 5.7 policy."""
    if verb == "RCPT":
        return not status.startswith("5.7.")
    return verb == "DATA" and status.startswith(("5.1.", "5.2."))


def _dot_stuffed(content: bytes) -> bytes:
    """RFC 5321, 4.5.2: a line that begins with a dot gets another one; a lone dot ends the mail."""
    lines = re.sub(rb"\r\n|\n|\r", b"\r\n", content)
    stuffed = re.sub(rb"(?m)^\.", b"..", lines)
    return stuffed + (b"" if stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n"
