"""Stopping mail: a page that changes nothing, and a POST that does (RFC 8058).

The signed path is all it takes: no cookies, no login, no second question. Doing it twice is the
same as once, and it works again after the person has subscribed again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlmodel import Session, select
from starlette.exceptions import HTTPException

from leadloop.delivery.tokens import Tokens
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.leads.consent import ALL_TOPICS, REFUSED
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Consent, Lead, Message
from leadloop.web.rendering import Pages
from leadloop.web.tracking import row_of


def unsubscribe_router(env: Environment, tokens: Tokens, pages: Pages) -> APIRouter:
    """Return the routes of the unsubscribe link."""
    router = APIRouter(include_in_schema=False)

    def message_of(token: str) -> Message | None:
        message_id = row_of(tokens.read_unsubscribe, token)
        if message_id is None:
            return None
        with env.database.read() as session:
            return session.get(Message, message_id)

    @router.api_route("/u/{token}", methods=["GET", "HEAD"])
    def show_choice(token: str, request: Request) -> Response:
        message = message_of(token)
        if message is None:
            return pages.not_found(request, "This link is not valid.")
        return pages.render(request, "unsubscribe.html", topic=_title(env, message.topic), done=None)

    @router.post("/u/{token}")
    def stop_mail(token: str, request: Request, everything: Annotated[bool, Depends(_all)]) -> Response:
        message = message_of(token)
        if message is None:
            return pages.not_found(request, "This link is not valid.")
        topic = ALL_TOPICS if everything or _is_answer(env, message) else message.topic or ALL_TOPICS
        refuse_topic(env, message, topic)
        done = "all" if topic == ALL_TOPICS else "topic"
        return pages.render(request, "unsubscribe.html", topic=_title(env, message.topic), done=done)

    return router


def _is_answer(env: Environment, message: Message) -> bool:
    """Return whether the mail answered a request. Saying no to that one means no to what follows."""
    topics = env.publications.current().publication.workspace.topics
    topic = topics.get(message.topic or "")
    return topic is not None and "request" in topic.basis


def refuse_topic(env: Environment, message: Message, topic: str) -> bool:
    """Record that the person wants no more mail of a topic; False if that stands already."""
    with env.database.write() as session:
        lead = lock_lead(session, message.lead_id)
        if lead.erased_at is not None or _stands(session, lead, topic):
            return False
        item = IncomingEvent(
            type="unsubscribed",
            properties={"topic": topic},
            lead_id=lead.id,
            source="tracking",
            trust="verified",
            message_id=message.id,
        )
        result = ingest(session, env, [item])[0]
        if result.status == "invalid":  # the topic is gone from the workspace: refuse everything
            ingest(session, env, [replace(item, properties={"topic": ALL_TOPICS})])
        return True


def _stands(session: Session, lead: Lead, topic: str) -> bool:
    """Return whether a refusal of the topic is newer than every permission for it."""
    covering = {topic, ALL_TOPICS}
    rows = session.exec(select(Consent).where(Consent.lead_id == lead.id)).all()
    refused_at = max((row.at for row in rows if row.basis == REFUSED and row.topic in covering), default=None)
    if refused_at is None:
        return False
    given = [row for row in rows if row.basis != REFUSED and (topic == ALL_TOPICS or row.topic in covering)]
    return all(row.at <= refused_at for row in given)


async def _all(request: Request) -> bool:
    """Read the page's choice of all topics; a one-click body, or none at all, means the topic."""
    try:
        async with request.form(max_files=0, max_fields=20) as form:
            return form.get("all") == "1"
    except HTTPException:
        return False


def _title(env: Environment, topic: str | None) -> str:
    topics = env.publications.current().publication.workspace.topics
    return (topics[topic].title or topic) if topic in topics else ""
