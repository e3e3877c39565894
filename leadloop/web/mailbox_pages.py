"""Pages of the local mailbox: mails as the lead would see them, with links that work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from leadloop.delivery.mailbox import Mailbox, MailSummary
from leadloop.delivery.parsing import ParsedMail
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead, Message
from leadloop.web.rendering import Pages

MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "img-src http: https: data:; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'self'"
)
"""A mail runs no script and loads nothing but pictures; its links open in a new tab."""

_PAGE = 50
_SEARCHED = 5000
_LINK = re.compile(r"https?://[\w.~:/?#\[\]@!$&'()*+,;=%-]*[\w/=%~#&+-]", re.ASCII)
"""A web address in running text: ASCII (RFC 3986), without the punctuation after it."""


@dataclass(frozen=True)
class TextPiece:
    text: str
    link: bool


def mailbox_router(env: Environment, mailbox: Mailbox, pages: Pages) -> APIRouter:
    """Return the routes of the mailbox."""
    router = APIRouter(prefix="/mailbox", include_in_schema=False)

    @router.get("")
    def show_mailbox(request: Request, q: str = "", cursor: str | None = None) -> Response:
        mails = mailbox.list(limit=_SEARCHED if q else _PAGE + 1, before=cursor)
        mails = [one for one in mails if _contains(one, q)][: _PAGE + 1]
        after = mails[_PAGE - 1].id if len(mails) > _PAGE else None
        return pages.render(request, "mailbox.html", mails=mails[:_PAGE], q=q, next_cursor=after)

    @router.get("/of/{message_id}")
    def find_mail(request: Request, message_id: str) -> Response:
        """Lead from a message of a timeline to the mail that arrived."""
        found = next((one for one in mailbox.list(limit=_SEARCHED) if one.message_id == message_id), None)
        if found is None:
            return pages.not_found(request)
        return RedirectResponse(f"/mailbox/{found.id}", 303)

    @router.get("/{mail_id}")
    def show_mail(request: Request, mail_id: str) -> Response:
        mail = mailbox.get(mail_id)
        if mail is None:
            return pages.not_found(request)
        pieces = list(text_pieces(mail.text))
        return pages.render(request, "mail.html", mail=mail, text_pieces=pieces, lead=_lead_of(env, mail))

    @router.get("/{mail_id}/html")
    def show_html(request: Request, mail_id: str) -> Response:
        mail = mailbox.get(mail_id)
        if mail is None or not mail.html:
            return pages.not_found(request)
        headers = {"Content-Security-Policy": MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
        return HTMLResponse(open_links_in_new_tab(mail.html), headers=headers)

    return router


def _contains(mail: MailSummary, text: str) -> bool:
    return all(word in f"{mail.to} {mail.subject}".lower() for word in text.lower().split())


def _lead_of(env: Environment, mail: ParsedMail) -> Lead | None:
    with env.database.read() as session:
        message = session.get(Message, mail.message_id) if mail.message_id else None
        return session.get(Lead, message.lead_id) if message else None


def open_links_in_new_tab(html: str) -> str:
    """Return the mail with a base target, so that its links leave the frame they stand in."""
    base = '<base target="_blank">'
    head = re.search(r"<head[^>]*>", html, re.IGNORECASE)
    return html[: head.end()] + base + html[head.end() :] if head else base + html


def text_pieces(text: str) -> Iterator[TextPiece]:
    """Split a text part into plain pieces and web addresses."""
    position = 0
    for found in _LINK.finditer(text):
        yield TextPiece(text[position : found.start()], False)
        yield TextPiece(found[0], True)
        position = found.end()
    yield TextPiece(text[position:], False)
