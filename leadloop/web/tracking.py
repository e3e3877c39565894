"""Opens and clicks. A pixel is always a picture; a link leads only where a stored row says."""

from __future__ import annotations

import base64
from collections.abc import Callable

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from leadloop.delivery.tokens import TokenError, Tokens
from leadloop.inbox.ingestion.group_commit import BusyError, GroupCommit
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.storage.database import lock_lead, lock_message
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Link, Message
from leadloop.web.rendering import Pages

_log = structlog.get_logger()
_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def tracking_router(env: Environment, commits: GroupCommit, tokens: Tokens, pages: Pages) -> APIRouter:
    """Return the routes of the pixel and of tracked links."""
    router = APIRouter(prefix="/t", include_in_schema=False)

    @router.api_route("/o/{token}.gif", methods=["GET", "HEAD"])
    def open_pixel(token: str, request: Request) -> Response:
        message_id = row_of(tokens.read_open, token)
        if message_id is not None and _is_person(request):
            _record_open(env, commits, message_id)
        return Response(_PIXEL, media_type="image/gif")

    @router.api_route("/c/{token}", methods=["GET", "HEAD"])
    def follow_link(token: str, request: Request) -> Response:
        link_id = row_of(tokens.read_click, token)
        if link_id is None:
            return pages.not_found(request, "This link is not valid.")
        with env.database.read() as session:
            link = session.get(Link, link_id)
        if link is None or not link.url.lower().startswith(("https://", "http://", "mailto:", "tel:")):
            return pages.not_found(request, "This link is not valid.")
        if _is_person(request):
            _record_click(env, commits, link)
        return RedirectResponse(link.url, 302)

    return router


def row_of(read: Callable[[str], str], token: str) -> str | None:
    """Return the id a token stands for, or None for one that was not made here."""
    try:
        return read(token)
    except TokenError:
        return None


def _record_open(env: Environment, commits: GroupCommit, message_id: str) -> None:
    """Record the first opening of a message; later ones say nothing new."""
    with env.database.read() as session:
        seen = session.get(Message, message_id)
    if seen is None or seen.opened_at is not None:
        return

    def record(session: Session) -> None:
        message = _lock(session, seen)
        if message.opened_at is None:
            message.opened_at = env.clock.now()
            session.add(message)
            _record(session, env, message, "email_opened", {}, f"open:{message.id}")

    _commit(commits, record, seen.lead_id)


def _record_click(env: Environment, commits: GroupCommit, link: Link) -> None:
    """Record one click, and the first one on the message too."""
    with env.database.read() as session:
        seen = session.get(Message, link.message_id)
    if seen is None:
        return

    def record(session: Session) -> None:
        message = _lock(session, seen)
        message.clicked_at = message.clicked_at or env.clock.now()
        session.add(message)
        _record(session, env, message, "email_clicked", {"url": link.url, "link": link.name}, None)

    _commit(commits, record, seen.lead_id)


def _commit(commits: GroupCommit, record: Callable[[Session], None], lead_id: str) -> None:
    """Have it recorded, although the inbox may be full: a mail program never asks again.

    Only where thousands wait for their commit nothing is recorded: the reader gets the page all the same.
    """
    try:
        commits.run(record, lead_id, may_wait_behind=True)
    except BusyError:
        _log.warning("tracking_not_recorded")


def _lock(session: Session, message: Message) -> Message:
    lock_lead(session, message.lead_id)
    return lock_message(session, message.id)


def _record(
    session: Session,
    env: Environment,
    message: Message,
    event_type: str,
    properties: dict[str, str],
    external_id: str | None,
) -> None:
    item = IncomingEvent(
        type=event_type,
        properties=properties,
        lead_id=message.lead_id,
        external_id=external_id,
        source="tracking",
        trust="likely",
        message_id=message.id,
    )
    ingest(session, env, [item])  # an erased lead is refused there


def _is_person(request: Request) -> bool:
    """HEAD and prefetches (`Sec-Purpose`) are looks of a program, not of a reader."""
    purpose = request.headers.get("sec-purpose", request.headers.get("purpose", ""))
    return request.method == "GET" and "prefetch" not in purpose.lower()
