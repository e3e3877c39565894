"""Pixel, links and unsubscribing."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

import httpx
import pytest
import structlog
from sqlmodel import Session, select

from leadloop.delivery.tokens import Tokens
from leadloop.inbox.applier import apply_once
from leadloop.inbox.ingestion.backlog import BusyError
from leadloop.inbox.ingestion.grouping import Groups
from leadloop.leads.consent import may_mail
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Consent, Event, Lead, Link, Message
from leadloop.web.app import create_app
from tests.factories import ManualClock, make_enrolment, make_lead, make_message

URL = "https://acme.example/case?a=1&b=資料"


def sent_mail(env: Environment) -> tuple[str, str, str]:
    """Return the ids of a lead, a mail it got, and a link in it."""
    with env.database.write() as session:
        lead = make_lead(session, env, opt_in=True)
        message = make_message(session, make_enrolment(session, env.publications.current().id, lead))
        link = Link(message_id=message.id, position=1, url=URL, name="case")
        session.add(link)
        return lead.id, message.id, link.id


def events(env: Environment, event_type: str) -> list[Event]:
    with env.database.read() as session:
        return list(session.exec(select(Event).where(Event.type == event_type)).all())


def may_get(session: Session, env: Environment, lead_id: str, topic: str) -> bool:
    workspace = env.publications.current(session).publication.workspace
    lead = session.get_one(Lead, lead_id)
    return may_mail(session, env, lead, topic, workspace, env.clock.now()).allowed


async def test_pixel_records_the_first_opening_only(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens
) -> None:
    lead_id, message_id, _ = sent_mail(env)
    path = f"/t/o/{tokens.open_token(message_id)}.gif"
    replies = [await client.get(path) for _ in range(3)]
    assert {one.headers["content-type"] for one in replies} == {"image/gif"}
    assert replies[0].content.startswith(b"GIF89a")
    assert replies[0].headers["cache-control"] == "no-store"
    found = events(env, "email_opened")
    assert [(one.subject_id, one.message_id, one.source) for one in found] == [
        (lead_id, message_id, "tracking")
    ]
    with env.database.read() as session:
        assert session.get_one(Message, message_id).opened_at is not None


async def test_forged_pixel_is_a_picture_without_an_event(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens
) -> None:
    _, message_id, _ = sent_mail(env)
    genuine = tokens.open_token(message_id)
    for token in (
        genuine[:-1] + ("A" if genuine[-1] != "A" else "B"),
        tokens.click_token(message_id),
        "x",
        "é",
    ):
        reply = await client.get(f"/t/o/{token}.gif")
        assert (reply.status_code, reply.headers["content-type"]) == (200, "image/gif")
    assert events(env, "email_opened") == []


async def test_link_leads_to_the_stored_address_and_is_recorded(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens
) -> None:
    _, message_id, link_id = sent_mail(env)
    reply = await client.get(f"/t/c/{tokens.click_token(link_id)}?url=https://evil.example")
    assert reply.status_code == 302
    assert httpx.URL(reply.headers["location"]) == httpx.URL(URL)
    found = events(env, "email_clicked")
    assert [(one.properties, one.message_id) for one in found] == [({"url": URL, "link": "case"}, message_id)]
    with env.database.read() as session:
        assert session.get_one(Message, message_id).clicked_at is not None


async def test_forged_link_leads_nowhere(env: Environment, client: httpx.AsyncClient, tokens: Tokens) -> None:
    _, message_id, _ = sent_mail(env)
    for token in ("x", tokens.open_token(message_id), tokens.click_token(message_id)):
        reply = await client.get(f"/t/c/{token}")
        assert reply.status_code == 404
        assert "location" not in reply.headers
    assert events(env, "email_clicked") == []


async def test_looks_of_programs_are_not_recorded(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens
) -> None:
    _, message_id, link_id = sent_mail(env)
    pixel, link = f"/t/o/{tokens.open_token(message_id)}.gif", f"/t/c/{tokens.click_token(link_id)}"
    assert (await client.head(pixel)).status_code == 200
    assert (await client.head(link)).status_code == 302
    assert (await client.get(link, headers={"sec-purpose": "prefetch;prerender"})).status_code == 302
    assert events(env, "email_opened") + events(env, "email_clicked") == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_at_the_unsubscribe_page_changes_nothing(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens, method: str
) -> None:
    lead_id, message_id, _ = sent_mail(env)
    reply = await client.request(
        method, f"/u/{tokens.unsubscribe_token(message_id)}", headers={"accept-language": "ja"}
    )
    assert reply.status_code == 200
    if method == "GET":
        assert "お役立ち情報" in reply.text
    assert events(env, "unsubscribed") == []
    with env.database.read() as session:
        assert may_get(session, env, lead_id, "nurture")


async def test_one_click_stops_the_topic_at_once_and_twice_is_as_once(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens, clock: ManualClock
) -> None:
    lead_id, message_id, _ = sent_mail(env)
    clock.advance(minutes=1)
    path = f"/u/{tokens.unsubscribe_token(message_id)}"
    for _ in range(2):
        reply = await client.post(path, data={"List-Unsubscribe": "One-Click"})
        assert reply.status_code == 200
        clock.advance(minutes=1)
    assert [one.properties for one in events(env, "unsubscribed")] == [{"topic": "nurture"}]
    with env.database.read() as session:
        assert not may_get(session, env, lead_id, "nurture")


async def test_unsubscribing_works_again_after_subscribing_again(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens, clock: ManualClock
) -> None:
    lead_id, message_id, _ = sent_mail(env)
    path = f"/u/{tokens.unsubscribe_token(message_id)}"
    clock.advance(minutes=1)
    await client.post(path)
    clock.advance(minutes=1)
    with env.database.write() as session:
        session.add(Consent(lead_id=lead_id, topic="nurture", basis="opt_in", at=clock.now()))
    clock.advance(minutes=1)
    await client.post(path)
    assert len(events(env, "unsubscribed")) == 2
    with env.database.read() as session:
        assert not may_get(session, env, lead_id, "nurture")


async def test_page_can_stop_all_topics(
    env: Environment, browser: httpx.AsyncClient, tokens: Tokens, clock: ManualClock
) -> None:
    lead_id, message_id, _ = sent_mail(env)
    clock.advance(minutes=1)
    path = f"/u/{tokens.unsubscribe_token(message_id)}"
    await browser.post(path)
    reply = await browser.post(path, data={"all": "1"})
    assert "any more mail from us" in reply.text
    assert [one.properties["topic"] for one in events(env, "unsubscribed")] == ["nurture", "*"]
    apply_once(env)
    with env.database.read() as session:
        assert not may_get(session, env, lead_id, "service")


async def test_forged_unsubscribe_token_changes_nothing(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens
) -> None:
    _, message_id, _ = sent_mail(env)
    for token in ("x", tokens.open_token(message_id)):
        assert (await client.get(f"/u/{token}")).status_code == 404
        assert (await client.post(f"/u/{token}")).status_code == 404
    assert events(env, "unsubscribed") == []


async def test_one_click_of_a_mail_program_needs_no_origin_and_no_body(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens
) -> None:
    _, message_id, _ = sent_mail(env)
    path = f"/u/{tokens.unsubscribe_token(message_id)}"
    headers = {"origin": "https://mail.example", "sec-fetch-site": "cross-site", "content-type": "text/plain"}
    reply = await client.post(path, content=b"anything", headers=headers)
    assert reply.status_code == 200
    assert len(events(env, "unsubscribed")) == 1


async def test_mail_of_an_erased_lead_still_leads_on(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens
) -> None:
    lead_id, message_id, link_id = sent_mail(env)
    with env.database.write() as session:
        lead = session.get_one(Lead, lead_id)
        lead.erased_at = env.clock.now()
        session.add(lead)
    assert (await client.get(f"/t/o/{tokens.open_token(message_id)}.gif")).status_code == 200
    assert (await client.get(f"/t/c/{tokens.click_token(link_id)}")).status_code == 302
    assert (await client.post(f"/u/{tokens.unsubscribe_token(message_id)}")).status_code == 200
    assert events(env, "email_clicked") == []


async def test_clicks_and_openings_that_come_together_share_transactions(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens
) -> None:
    mails = [sent_mail(env) for _ in range(10)]
    paths = [f"/t/c/{tokens.click_token(link_id)}" for _, _, link_id in mails]
    paths += [f"/t/o/{tokens.open_token(message_id)}.gif" for _, message_id, _ in mails]
    before = env.database.changes
    async with asyncio.TaskGroup() as group:
        with env.database.write() if env.database.is_sqlite else nullcontext():
            tasks = [group.create_task(client.get(path)) for path in paths]
            await asyncio.sleep(0.5)
    assert {task.result().status_code for task in tasks} == {200, 302}
    found = events(env, "email_clicked") + events(env, "email_opened")
    assert {one.subject_id for one in found} == {lead_id for lead_id, _, _ in mails}
    assert len(found) == 20
    if env.database.is_sqlite:
        assert env.database.changes - before < 20


async def test_full_inbox_takes_clicks_and_turns_forms_and_visits_away(
    env: Environment, tokens: Tokens
) -> None:
    _, _, link_id = sent_mail(env)
    app = create_app(env, tokens=tokens, public_url="http://127.0.0.1:8080", inbox_limit=0)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        for _ in range(1000):  # until somebody has looked at the inbox
            reply = await client.post("/v1/forms/contact", json={"email": "a@b.jp"})
            if reply.status_code == 429:
                break
            await asyncio.sleep(0.01)
        assert (reply.headers["retry-after"], reply.json()["status"]) == ("5", 429)
        browser = {"accept": "text/html"}
        page = await client.post("/v1/forms/contact", data={"email": "a@b.jp"}, headers=browser)
        assert (page.status_code, page.headers["retry-after"]) == (429, "5")
        assert page.headers["content-type"].startswith("text/html")
        visit = {"visitor": "0" * 32, "visits": [{"id": "1" * 32, "type": "page_viewed"}]}
        own = {"origin": "http://127.0.0.1:8080"}
        assert (await client.post("/t/v", json=visit, headers=own)).status_code == 429
        assert (await client.get(f"/t/c/{tokens.click_token(link_id)}")).status_code == 302
    assert len(events(env, "email_clicked")) == 1
    assert events(env, "page_viewed") == []


async def test_link_leads_on_where_a_click_cannot_be_queued(
    env: Environment, client: httpx.AsyncClient, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_arguments: object) -> None:
        raise BusyError(1, "too many events wait to be stored")

    _, message_id, link_id = sent_mail(env)
    monkeypatch.setattr(Groups, "submit", busy)
    with structlog.testing.capture_logs() as logs:
        assert (await client.get(f"/t/c/{tokens.click_token(link_id)}")).status_code == 302
        assert (await client.get(f"/t/o/{tokens.open_token(message_id)}.gif")).status_code == 200
    assert [one["event"] for one in logs] == ["tracking_not_recorded"] * 2
