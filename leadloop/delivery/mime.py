"""A mail as bytes (RFC 5322, MIME), with the headers that unsubscribing by one click needs."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address, BaseHeader
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache

from leadloop.delivery.addresses import checked_address, header_address

MESSAGE_HEADER = "X-Leadloop-Message"
_POLICY = SMTP.clone(max_line_length=998)
"""RFC 5322's longest line: fewer folds, and no mail program stumbles over a folded subject."""


class HeaderError(ValueError):
    """A header value that would not stay one header."""


@dataclass(frozen=True)
class Mail:
    """What one mail consists of. `unsubscribe_url` is None for mail that is not to a subscriber."""

    message_id: str
    sender_name: str
    sender_address: str
    to: str
    subject: str
    text: str
    html: str
    sent_at: datetime
    reply_to: str | None = None
    unsubscribe_url: str | None = None
    unsubscribe_address: str | None = None


def build_mime(mail: Mail) -> bytes:
    """Return the mail as it goes over SMTP, lines ended by CRLF.

    Raises `AddressError` for an address that is not exactly one, `HeaderError` for a line break or
    control character in a header.
    """
    sender = checked_address(mail.sender_address)
    word = _ascii_word(mail.message_id)
    head = [
        _address_line("From", sender, _one_line(mail.sender_name)),
        f"To: {checked_address(mail.to)}\r\n",
        _address_line("Reply-To", checked_address(mail.reply_to), "") if mail.reply_to else "",
        _folded("Subject", _one_line(mail.subject)),
        f"Date: {format_datetime(mail.sent_at)}\r\n",
        f"Message-ID: <{word}@{sender.rpartition('@')[2]}>\r\n",
        f"{MESSAGE_HEADER}: {word}\r\n",
    ]
    if mail.unsubscribe_url:
        head.append(_unsubscribe_lines(mail.unsubscribe_url, mail.unsubscribe_address))
    boundary = f"=_{secrets.token_hex(16)}"  # base64 has no underscore
    head.append(f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n')
    parts = (("plain", mail.text), ("html", mail.html))
    body = b"".join(_part(boundary, subtype, content) for subtype, content in parts)
    return "".join(head).encode("ascii") + body + f"--{boundary}--\r\n".encode("ascii")


def _part(boundary: str, subtype: str, content: str) -> bytes:
    """Return one part: UTF-8, lines ended by CRLF, as base64 (RFC 2045, 6.8)."""
    lines = content.encode("utf-8").splitlines()
    coded = base64.encodebytes(b"".join(line + b"\r\n" for line in lines)).replace(b"\n", b"\r\n")
    head = f'--{boundary}\r\nContent-Type: text/{subtype}; charset="utf-8"\r\n'
    return f"{head}Content-Transfer-Encoding: base64\r\n\r\n".encode("ascii") + coded


def _unsubscribe_lines(url: str, address: str | None) -> str:
    """RFC 2369 and RFC 8058: the mail program's own button, one POST, no page in between."""
    ways = [f"<{_ascii_word(url)}>"]
    if address:
        ways.append(f"<mailto:{checked_address(address)}?subject=unsubscribe>")
    listed = ", ".join(ways)
    return f"List-Unsubscribe: {listed}\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


@lru_cache(maxsize=64)
def _address_line(name: str, address: str, shown: str) -> str:
    """Return a header with an address of the house; there are few, and each costs some work."""
    return _folded(name, header_address(address, shown))


def _folded(name: str, value: str | Address) -> str:
    """Return a header as RFC 2047 and RFC 5322 want it, ended by CRLF."""
    header: BaseHeader = _POLICY.header_factory(name, value)
    return header.fold(policy=_POLICY)


def _one_line(text: str) -> str:
    if not all(c.isprintable() or c == "\u3000" for c in text):
        raise HeaderError("a header holds a line break or a control character")
    return text


def _ascii_word(text: str) -> str:
    if not text.isascii() or not text.isprintable() or any(c in text for c in " <>"):
        raise HeaderError("a header holds a space or a character that is not ASCII")
    return text
