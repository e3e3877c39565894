"""A received mail, taken apart for reading: headers, both parts, links and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser


@dataclass(frozen=True)
class MailLink:
    """A link of the HTML part: where it leads, and its words."""

    url: str
    text: str


@dataclass(frozen=True)
class ParsedMail:
    """A mail as a person reads it, and as a mail program loads it."""

    id: str
    sender: str
    to: str
    subject: str
    date: datetime | None
    message_id: str
    """Id of leadloop's message, from `X-Leadloop-Message`."""
    text: str
    html: str
    headers: tuple[tuple[str, str], ...]
    links: tuple[MailLink, ...]
    images: tuple[str, ...]
    """Addresses that a mail program loads when the mail is opened, the open pixel among them."""
    unsubscribe_url: str | None
    """From List-Unsubscribe, where one POST is enough (RFC 8058)."""


def parse_mail(mail_id: str, content: bytes) -> ParsedMail:
    """Take a mail apart. Broken mail gives empty parts, not an error."""
    message = message_from_bytes(content, policy=policy.default)
    headers = {name: str(value) for name, value in message.items()}
    html = _part(message, "html")
    page = _PageReader()
    page.feed(html)
    return ParsedMail(
        id=mail_id,
        sender=headers.get("From", ""),
        to=headers.get("To", ""),
        subject=headers.get("Subject", ""),
        date=mail_date(headers),
        message_id=headers.get("X-Leadloop-Message", ""),
        text=_part(message, "plain"),
        html=html,
        headers=tuple((name, str(value)) for name, value in message.items()),
        links=tuple(page.links),
        images=tuple(page.images),
        unsubscribe_url=_one_click_url(headers),
    )


def parse_headers(content: bytes) -> dict[str, str]:
    """Return the headers only, decoded."""
    head = content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    message = message_from_bytes(head, policy=policy.default)
    return {name: str(value) for name, value in message.items()}


def mail_date(headers: Mapping[str, str]) -> datetime | None:
    """Return the Date header (RFC 5322), None where it can't be read."""
    try:
        return parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, ValueError):  # an unknown charset
        return ""


def _one_click_url(headers: Mapping[str, str]) -> str | None:
    if "One-Click" not in headers.get("List-Unsubscribe-Post", ""):
        return None
    for way in headers.get("List-Unsubscribe", "").split(","):
        url = way.strip().removeprefix("<").removesuffix(">")
        if url.startswith(("https://", "http://")):
            return url
    return None


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[MailLink] = []
        self.images: list[str] = []
        self._url: str | None = None
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img" and values.get("src"):
            self.images.append(values["src"] or "")
        if tag == "a" and values.get("href"):
            self._url, self._words = values["href"], []

    def handle_data(self, data: str) -> None:
        if self._url is not None:
            self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._url is not None:
            self.links.append(MailLink(self._url, "".join(self._words).strip()))
            self._url = None
