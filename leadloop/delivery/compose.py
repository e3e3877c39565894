"""From a message row to what goes over SMTP: choose the template, render, store, build the MIME."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, delete

from leadloop.delivery.addresses import AddressError, checked_address
from leadloop.delivery.context import build_context
from leadloop.delivery.loading import NOTICE
from leadloop.delivery.mime import Mail, build_mime
from leadloop.delivery.notices import (
    NOTICE_PREFIX,
    internal_templates,
    notice_context,
    notice_templates,
)
from leadloop.delivery.render import Rendered, Renderer, RenderError
from leadloop.delivery.scope import mail_locales
from leadloop.delivery.tokens import Tokens
from leadloop.language.plan import Publication
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Lead, Link, Message


@dataclass(frozen=True)
class Draft:
    """All that rendering needs, read from the database in one go."""

    to: str
    templates: Mapping[str, str]
    name: str
    locales: tuple[str, ...]
    context: dict[str, Any]
    subject: str | None
    unsubscribe_url: str | None
    """None for a notice, which has no subscription and no tracking."""


@dataclass(frozen=True)
class Composed:
    """A rendered mail with its links, ready to be stored."""

    to: str
    subject: str
    text: str
    html: str
    links: tuple[Link, ...]


class Addresses:
    """The web addresses that a mail carries."""

    def __init__(self, public_url: str, tokens: Tokens) -> None:
        self.base = public_url.rstrip("/")
        self._tokens = tokens

    def unsubscribe(self, message_id: str) -> str:
        return f"{self.base}/u/{self._tokens.unsubscribe_token(message_id)}"

    def click(self, link_id: str) -> str:
        return f"{self.base}/t/c/{self._tokens.click_token(link_id)}"

    def pixel(self, message_id: str) -> str:
        return f"{self.base}/t/o/{self._tokens.open_token(message_id)}.gif"


def draft(
    session: Session,
    env: Environment,
    addresses: Addresses,
    message: Message,
    lead: Lead,
    enrolment: Enrolment,
) -> Draft:
    """Read what a message needs to be rendered. Raises `AddressError` where it has no address."""
    publication = env.publications.get(message.publication_id, session).publication
    if message.template.startswith(NOTICE_PREFIX):
        return _notice_draft(session, env, addresses, publication, message, lead, enrolment)
    if message.kind == NOTICE:
        return _internal_draft(session, env, publication, message, lead, enrolment)
    if not lead.email:
        raise AddressError("the lead has no address")
    unsubscribe_url = addresses.unsubscribe(message.id)
    return Draft(
        to=lead.email,
        templates=publication.templates,
        name=message.template,
        locales=tuple(mail_locales(lead.locale, publication.workspace)),
        context=build_context(session, env, publication, message, lead, enrolment, unsubscribe_url),
        subject=message.subject_override,
        unsubscribe_url=unsubscribe_url,
    )


def _notice_draft(
    session: Session,
    env: Environment,
    addresses: Addresses,
    publication: Publication,
    message: Message,
    lead: Lead,
    enrolment: Enrolment,
) -> Draft:
    if not message.to_address:
        raise AddressError("the notice has no address")
    context = build_context(session, env, publication, message, lead, enrolment)
    context |= notice_context(session, publication, message, enrolment, addresses.base)
    return Draft(
        to=message.to_address,
        templates=notice_templates(),
        name=message.template.removeprefix(NOTICE_PREFIX),
        locales=tuple(mail_locales(None, publication.workspace)),
        context=context,
        subject=message.subject_override,
        unsubscribe_url=None,
    )


def _internal_draft(
    session: Session,
    env: Environment,
    publication: Publication,
    message: Message,
    lead: Lead,
    enrolment: Enrolment,
) -> Draft:
    """A workspace's template for somebody of the house: about the lead, in the workspace's language."""
    if not message.to_address:
        raise AddressError("the notice has no address")
    return Draft(
        to=message.to_address,
        templates=internal_templates(publication),
        name=message.template,
        locales=tuple(mail_locales(None, publication.workspace)),
        context=build_context(session, env, publication, message, lead, enrolment),
        subject=message.subject_override,
        unsubscribe_url=None,
    )


def compose(renderer: Renderer, addresses: Addresses, message_id: str, source: Draft) -> Composed:
    """Render a draft, with tracked links and pixel unless it is a notice.

    Raises `RenderError`, and `AddressError` for an address that can't be mailed.
    """
    checked_address(source.to)
    rendered = _render(renderer, source)
    if source.unsubscribe_url is None:
        return Composed(source.to, rendered.subject, rendered.text, rendered.html, ())
    links = tuple(
        Link(id=new_id(), message_id=message_id, position=link.position, url=link.url, name=link.name)
        for link in rendered.links
    )
    html, text = rendered.tracked([addresses.click(link.id) for link in links], addresses.pixel(message_id))
    return Composed(source.to, rendered.subject, text, html, links)


def _render(renderer: Renderer, source: Draft) -> Rendered:
    def render() -> Rendered:
        untracked = [source.unsubscribe_url] if source.unsubscribe_url else []
        return renderer.render(
            source.templates, source.name, source.locales, source.context,
            subject=source.subject, untracked=untracked,
        )  # fmt: skip

    try:
        return render()
    except RenderError as error:
        if error.code not in ("timeout", "crashed"):
            raise
    return render()  # once more: a busy machine can be slow, a bomb is slow each time


def put_body(message: Message, composed: Composed) -> None:
    """Write the rendered mail on its row."""
    message.subject, message.rendered_to = composed.subject, composed.to
    message.text_body, message.html_body = composed.text, composed.html


def store(session: Session, message: Message, composed: Composed) -> None:
    """Write the rendered mail to its row, and its links; the caller holds the lock."""
    if message.subject is not None:  # it was rendered before, for another address
        session.exec(delete(Link).where(col(Link.message_id) == message.id))
    put_body(message, composed)
    session.add(message)
    session.add_all(composed.links)


def mime_of(
    message: Message, publication: Publication, addresses: Addresses, now: datetime
) -> tuple[str, str, bytes]:
    """Return envelope sender, envelope recipient and content of a rendered message.

    Raises `AddressError` or `HeaderError`.
    """
    sender = publication.workspace.sender
    to = checked_address(message.rendered_to or "")
    content = build_mime(
        Mail(
            message_id=message.id,
            sender_name=sender.name,
            sender_address=sender.address,
            to=message.rendered_to or "",
            subject=message.subject or "",
            text=message.text_body or "",
            html=message.html_body or "",
            sent_at=now,
            reply_to=sender.reply_to,
            unsubscribe_url=addresses.unsubscribe(message.id) if message.topic else None,
        )
    )
    return checked_address(sender.address), to, content
