"""Pages, as a browser asks for them."""

from __future__ import annotations

import re
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from sqlmodel import select

from leadloop.delivery.mailbox import Mailbox
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Deal, DealStatus, Event, Offer
from tests.factories import NOW, make_enrolment, make_lead, make_message, make_score_entry
from tests.sales.test_offers import make_offer
from tests.sales.test_tasks import make_task

XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def offered(env: Environment, **fields: Any) -> Offer:
    with env.database.write() as session:
        lead = make_lead(session, env, company="株式会社テスト", **fields)
        make_score_entry(session, lead, points=30, rule_id="inquiry")
        return make_offer(session, env, lead)


@pytest.mark.parametrize("path", ["/", "/leads", "/sales", "/mailbox", "/forms/whitepaper"])
async def test_pages_open_before_anything_happened(browser: httpx.AsyncClient, path: str) -> None:
    reply = await browser.get(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/leads/none", "/sales/offers/none", "/sales/tasks/none", "/forms/none", "/mailbox/none"],
)
async def test_what_is_not_there_is_a_page_with_404(browser: httpx.AsyncClient, path: str) -> None:
    reply = await browser.get(path)
    assert reply.status_code == 404
    assert "<h1>" in reply.text


@pytest.mark.parametrize(
    ("accept", "words"),
    [("ja,en;q=0.5", "概要"), ("en-US,en;q=0.9,ja;q=0.8", "Overview"), ("fr", "概要"), ("*;q=x", "概要")],
)
async def test_pages_speak_the_readers_language(browser: httpx.AsyncClient, accept: str, words: str) -> None:
    reply = await browser.get("/", headers={"accept-language": accept})
    assert f"<h1>{words}</h1>" in reply.text


async def test_everything_from_outside_is_escaped(
    env: Environment, browser: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    with env.database.write() as session:
        company = Company(name=XSS, owner=XSS, created_at=NOW)
        session.add(company)
        session.flush()
        lead = make_lead(
            session, env, company=company, family_name=XSS, job_title=XSS, phone=XSS, fields={"industry": XSS}
        )
        offer = make_offer(session, env, lead)
        task = make_task(session, env, lead)
        task.title = XSS
        task.outcomes = [XSS]
        message = make_message(
            session, make_enrolment(session, offer_publication(env), lead, "whitepaper-nurture")
        )
        message.subject = XSS
        for event_type, properties in (
            ("page_viewed", {"path": XSS}),
            ("email_clicked", {"link": XSS}),
            ("anything", {XSS: XSS}),
            ("deal_lost", {"reason": XSS, "revisit_on": XSS}),
        ):
            session.add(
                Event(
                    subject_id=lead.id,
                    type=event_type,
                    properties=properties,
                    source="api",
                    occurred_at=NOW,
                    received_at=NOW,
                    message_id=message.id,
                )
            )
    mail = EmailMessage()
    mail["Subject"] = XSS
    mail["From"] = "news@acme.example"
    mail["To"] = "x@example.jp"
    mail["X-Odd"] = XSS
    mail.set_content(XSS)
    stored = mailbox.store(mail.as_bytes(), XSS)
    paths = [
        "/", "/leads", f"/leads?q={XSS}&stage={XSS}", f"/leads/{lead.id}", "/sales", f"/sales?owner={XSS}",
        f"/sales/offers/{offer.id}", f"/sales/tasks/{task.id}", "/mailbox", f"/mailbox?q={XSS}",
        f"/mailbox/{stored.id}",
    ]  # fmt: skip
    for path in paths:
        reply = await browser.get(path)
        assert reply.status_code == 200, path
        assert "<script" not in reply.text, path
        assert "<img" not in reply.text, path
    assert "&lt;script&gt;" in (await browser.get(f"/leads/{lead.id}")).text


def offer_publication(env: Environment) -> str:
    return env.publications.current().id


async def test_lead_page_shows_facts_scores_position_and_story(
    env: Environment, browser: httpx.AsyncClient
) -> None:
    offer = offered(env, job_title="部長")
    page = (await browser.get(f"/leads/{offer.lead_id}")).text
    for words in ("山田 太郎", "部長", "株式会社テスト", "営業への引き渡し", "offered to", "engagement"):
        assert words in page
    assert "2026-11-16 10:00" in page  # the workspace's zone, not UTC


async def test_sales_accepts_and_loses_a_lead_by_buttons(
    env: Environment, browser: httpx.AsyncClient
) -> None:
    offer = offered(env)
    page = (await browser.get("/sales")).text
    assert "inquiry" in page
    assert f'action="/sales/offers/{offer.id}/accept"' in page
    accepted = await browser.post(f"/sales/offers/{offer.id}/accept")
    assert (accepted.status_code, accepted.headers["location"]) == (303, f"/sales/offers/{offer.id}")
    page = (await browser.get(accepted.headers["location"])).text
    assert f'action="/sales/offers/{offer.id}/lost"' in page
    answers = {"reason": "timing", "revisit_on": "2027-04", "note": ""}
    lost = await browser.post(f"/sales/offers/{offer.id}/lost", data=answers)
    assert lost.status_code == 303
    with env.database.read() as session:
        deal = session.exec(select(Deal)).one()
        assert (deal.status, deal.reason, str(deal.revisit_on)) == (DealStatus.LOST, "timing", "2027-04-01")
    assert "時期尚早" in (await browser.get("/sales")).text


async def test_losing_twice_by_button_is_one_loss(env: Environment, browser: httpx.AsyncClient) -> None:
    offer = offered(env)
    replies = [
        await browser.post(f"/sales/offers/{offer.id}/lost", data={"reason": "timing"}) for _ in range(2)
    ]
    assert [one.status_code for one in replies] == [303, 409]
    assert "already lost" in replies[1].text
    with env.database.read() as session:
        assert session.exec(select(Deal)).one().losses == 1


async def test_wrong_month_is_a_page_that_says_so(env: Environment, browser: httpx.AsyncClient) -> None:
    offer = offered(env)
    reply = await browser.post(
        f"/sales/offers/{offer.id}/lost", data={"reason": "timing", "revisit_on": "spring"}
    )
    assert reply.status_code == 422
    assert "write a month (2027-04) or a day" in reply.text


@pytest.mark.parametrize("answer", ["reject", "working", "won"])
async def test_other_answers_lead_back_to_a_page(
    env: Environment, browser: httpx.AsyncClient, answer: str
) -> None:
    offer = offered(env)
    await browser.post(f"/sales/offers/{offer.id}/accept")
    reply = await browser.post(f"/sales/offers/{offer.id}/{answer}")
    assert reply.status_code == 303
    assert (await browser.get(reply.headers["location"])).status_code == 200


async def test_looking_at_sales_pages_changes_nothing(env: Environment, browser: httpx.AsyncClient) -> None:
    offer = offered(env)
    for path in ("accept", "reject", "working", "won", "lost"):
        assert (await browser.get(f"/sales/offers/{offer.id}/{path}")).status_code in (404, 405)
    with env.database.read() as session:
        assert session.get_one(Offer, offer.id).status == "offered"


async def test_task_is_finished_by_an_outcome_button(env: Environment, browser: httpx.AsyncClient) -> None:
    with env.database.write() as session:
        task = make_task(session, env, make_lead(session, env))
    page = (await browser.get(f"/sales/tasks/{task.id}")).text
    assert re.search(r'<button name="outcome" value="connected">', page)
    reply = await browser.post(f"/sales/tasks/{task.id}/done", data={"outcome": "connected"})
    assert reply.status_code == 303


async def test_mail_is_shown_in_a_frame_without_scripts(
    env: Environment, browser: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    with env.database.write() as session:
        lead = make_lead(session, env)
        journey = make_enrolment(session, offer_publication(env), lead, "whitepaper-nurture")
        message = make_message(session, journey)
    mail = EmailMessage()
    mail["Subject"] = "資料をお届けします"
    mail["From"] = "アクメ <news@acme.example>"
    mail["To"] = "yamada@example.jp"
    mail["X-Leadloop-Message"] = message.id
    mail.set_content("資料: https://mail.acme.example/t/c/abc。よろしく")
    mail.add_alternative("<html><head></head><body><a href='http://x.example'>資料</a></body></html>", "html")
    stored = mailbox.store(mail.as_bytes(), "yamada@example.jp")
    page = (await browser.get(f"/mailbox/{stored.id}")).text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert '<a href="https://mail.acme.example/t/c/abc" target="_blank"' in page
    assert f'href="/leads/{lead.id}"' in page
    framed = await browser.get(f"/mailbox/{stored.id}/html")
    assert '<head><base target="_blank">' in framed.text
    assert framed.headers["content-security-policy"].startswith("sandbox allow-popups")
    assert "script-src" not in framed.headers["content-security-policy"]
    assert framed.headers["x-frame-options"] == "SAMEORIGIN"
    assert "資料をお届けします" in (await browser.get("/mailbox?q=yamada 資料")).text
    assert "資料をお届けします" not in (await browser.get("/mailbox?q=suzuki")).text


async def test_form_page_posts_to_the_forms_api(env: Environment, browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/forms/whitepaper")).text
    assert 'action="/v1/forms/whitepaper"' in page
    names = re.findall(r'<(?:input|select) (?:type="checkbox" )?name="([a-z_]+)"', page)
    assert {"email", "family_name", "industry", "consent"} <= set(names)
    entry = dict.fromkeys(names, "") | {"email": "a@example.jp", "consent": "nurture"}
    reply = await browser.post("/v1/forms/whitepaper", data=entry)
    assert reply.status_code == 202
