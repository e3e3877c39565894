"""A mail as bytes (RFC 5322, MIME), with the headers that unsubscribing by one click needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP

from leadloop.delivery.addresses import checked_address, header_address

MESSAGE_HEADER = "X-Leadloop-Message"
_POLICY = SMTP.clone(max_line_length=998)
"""RFC 5322's longest line. The usual 78 folds a long List-Unsubscribe into encoded words."""


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
    domain = sender.rpartition("@")[2]
    message = EmailMessage(policy=_POLICY)
    message["From"] = header_address(sender, _one_line(mail.sender_name))
    message["To"] = header_address(checked_address(mail.to))
    if mail.reply_to:
        message["Reply-To"] = header_address(checked_address(mail.reply_to))
    message["Subject"] = _one_line(mail.subject)
    message["Date"] = mail.sent_at
    message["Message-ID"] = f"<{_ascii_word(mail.message_id)}@{domain}>"
    message[MESSAGE_HEADER] = _ascii_word(mail.message_id)
    if mail.unsubscribe_url:
        _add_unsubscribe(message, mail.unsubscribe_url, mail.unsubscribe_address)
    message.set_content(mail.text, charset="utf-8", cte="base64")
    message.add_alternative(mail.html, subtype="html", charset="utf-8", cte="base64")
    return message.as_bytes()


def _add_unsubscribe(message: EmailMessage, url: str, address: str | None) -> None:
    """RFC 2369 and RFC 8058: the mail program's own button, one POST, no page in between."""
    ways = [f"<{_ascii_word(url)}>"]
    if address:
        ways.append(f"<mailto:{checked_address(address)}?subject=unsubscribe>")
    message["List-Unsubscribe"] = ", ".join(ways)
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def _one_line(text: str) -> str:
    if not all(c.isprintable() or c == "\u3000" for c in text):
        raise HeaderError("a header holds a line break or a control character")
    return text


def _ascii_word(text: str) -> str:
    if not text.isascii() or not text.isprintable() or any(c in text for c in " <>"):
        raise HeaderError("a header holds a space or a character that is not ASCII")
    return text
