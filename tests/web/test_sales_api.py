"""The API of sales and the reading API."""

from __future__ import annotations

import httpx
import pytest

from leadloop.storage.environment import Environment
from leadloop.storage.tables import Offer
from tests.factories import make_enrolment, make_lead, make_score_entry
from tests.sales.test_offers import make_offer
from tests.sales.test_tasks import make_task


@pytest.fixture
def offer(env: Environment) -> Offer:
    """A hot lead's waiting offer."""
    with env.database.write() as session:
        lead = make_lead(session, env, company="株式会社テスト")
        make_score_entry(session, lead, points=30, rule_id="inquiry")
        return make_offer(session, env, lead)


async def test_offers_are_listed_with_their_reasons(client: httpx.AsyncClient, offer: Offer) -> None:
    body = (await client.get("/v1/offers", params={"status": "offered"})).json()
    assert [one["id"] for one in body["items"]] == [offer.id]
    assert body["items"][0]["reasons"][0]["rule"] == "inquiry"
    assert body["next_cursor"] is None
    assert (await client.get("/v1/offers", params={"status": "won"})).json()["items"] == []
    assert (await client.get(f"/v1/offers/{offer.id}")).json()["lead"] == offer.lead_id


async def test_second_accept_is_a_conflict_with_the_reason(client: httpx.AsyncClient, offer: Offer) -> None:
    first = await client.post(f"/v1/offers/{offer.id}/accept")
    second = await client.post(f"/v1/offers/{offer.id}/accept")
    assert (first.status_code, first.json()["status"]) == (200, "accepted")
    assert (second.status_code, second.json()["reason"]) == (409, "already_accepted")
    assert second.headers["content-type"] == "application/problem+json"


async def test_deal_is_opened_and_lost_with_a_month_to_ask_again(
    client: httpx.AsyncClient, offer: Offer
) -> None:
    await client.post(f"/v1/offers/{offer.id}/accept")
    opened = await client.post("/v1/deals", json={"lead": offer.lead_id, "offer": offer.id, "amount": 500})
    deal_id = opened.json()["id"]
    lost = await client.post(
        f"/v1/deals/{deal_id}/lost",
        json={"reason": "timing", "revisit_on": "2027-04", "note": "来期に再検討"},
    )
    assert (opened.status_code, lost.status_code) == (201, 200)
    assert (lost.json()["status"], lost.json()["revisit_on"]) == ("lost", "2027-04-01")
    assert (await client.get(f"/v1/offers/{offer.id}")).json()["status"] == "lost"
    again = await client.post(f"/v1/deals/{deal_id}/lost", json={"reason": "timing"})
    assert (again.status_code, again.json()["reason"]) == (409, "already_lost")
    listed = (await client.get("/v1/deals", params={"status": "lost", "lead": offer.lead_id})).json()
    assert [one["id"] for one in listed["items"]] == [deal_id]


async def test_wrong_fields_of_a_command_are_named(client: httpx.AsyncClient, offer: Offer) -> None:
    replies = [
        await client.post("/v1/deals/D/lost", json={"reason": "whim", "lead": offer.lead_id}),
        await client.post("/v1/deals/D/lost", json={"reason": "timing", "revisit": "2027-04"}),
        await client.post("/v1/deals/D/won", json={"lead": offer.lead_id, "amount": 1.5}),
        await client.post("/v1/deals/D/won", json={"lead": offer.lead_id, "amount": "1"}),
        await client.post("/v1/deals", json={}),
        await client.get("/v1/offers", params={"status": "lost?"}),
        await client.get("/v1/offers", params={"cursor": "x"}),
        await client.get("/v1/offers", params={"limit": 0}),
    ]
    assert [one.status_code for one in replies] == [422] * len(replies)
    fields = [one.json()["errors"][0]["field"] for one in replies]
    assert fields == ["reason", "revisit", "amount", "amount", "lead", "status", "cursor", "limit"]


async def test_what_does_not_exist_is_not_found(client: httpx.AsyncClient) -> None:
    replies = [
        await client.get("/v1/offers/none"),
        await client.post("/v1/offers/none/accept"),
        await client.post("/v1/deals/none/won"),
        await client.post("/v1/deals", json={"lead": "none"}),
        await client.get("/v1/deals/none"),
        await client.post("/v1/tasks/none/done", json={"outcome": "absent"}),
        await client.get("/v1/leads/none"),
        await client.get("/v1/leads/none/timeline"),
        await client.get("/v1/nothing"),
    ]
    assert [one.status_code for one in replies] == [404] * len(replies)
    assert {one.headers["content-type"] for one in replies} == {"application/problem+json"}


async def test_wrong_method_is_a_problem_with_allow(client: httpx.AsyncClient) -> None:
    reply = await client.get("/v1/events")
    assert reply.status_code == 405
    assert reply.headers["allow"] == "POST"
    assert reply.json()["status"] == 405


async def test_task_is_done_once(client: httpx.AsyncClient, env: Environment) -> None:
    with env.database.write() as session:
        task = make_task(session, env, make_lead(session, env))
    listed = (await client.get("/v1/tasks", params={"status": "open"})).json()["items"]
    assert [one["id"] for one in listed] == [task.id]
    wrong = await client.post(f"/v1/tasks/{task.id}/done", json={"outcome": "bribed"})
    done = await client.post(f"/v1/tasks/{task.id}/done", json={"outcome": "absent"})
    again = await client.post(f"/v1/tasks/{task.id}/done", json={"outcome": "absent"})
    assert [wrong.status_code, done.status_code, again.status_code] == [422, 200, 409]


async def test_pages_of_a_list_hold_every_row_once(client: httpx.AsyncClient, env: Environment) -> None:
    with env.database.write() as session:
        ids = {make_lead(session, env).id for _ in range(7)}
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(4):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        body = (await client.get("/v1/leads", params=params)).json()
        seen += [one["id"] for one in body["items"]]
        cursor = body["next_cursor"]
    assert cursor is None
    assert len(seen) == 7
    assert set(seen) == ids


async def test_leads_are_found_by_name_company_and_address(
    client: httpx.AsyncClient, env: Environment
) -> None:
    with env.database.write() as session:
        sato = make_lead(session, env, family_name="佐藤", company="100%_オレンジ", email="sato@example.jp")
        make_lead(session, env)
    for text in ("佐藤", "オレンジ 佐藤", "100%_", "SATO@"):
        body = (await client.get("/v1/leads", params={"q": text})).json()
        assert [one["id"] for one in body["items"]] == [sato.id], text


async def test_lead_has_scores_journeys_and_a_timeline(
    client: httpx.AsyncClient, env: Environment, offer: Offer
) -> None:
    body = (await client.get(f"/v1/leads/{offer.lead_id}")).json()
    assert [(one["model"], one["points"]) for one in body["scores"]] == [("engagement", 30)]
    assert [(one["scenario"], one["step"]) for one in body["journeys"]] == [("sales-handoff", "sales")]
    lines = (await client.get(f"/v1/leads/{offer.lead_id}/timeline")).json()["items"]
    assert any("offered to" in one["text"] for one in lines)


async def test_scenarios_are_counted(client: httpx.AsyncClient, env: Environment) -> None:
    with env.database.write() as session:
        publication_id = env.publications.current(session).id
        make_enrolment(session, publication_id, make_lead(session))
        make_enrolment(session, publication_id, make_lead(session), status="ended", outcome="won")
    items = {one["scenario"]: one for one in (await client.get("/v1/scenarios")).json()["items"]}
    assert set(items) == {"whitepaper-nurture", "sales-handoff", "lost-deal-recycle"}
    handoff = items["sales-handoff"]
    assert (handoff["entered"], handoff["running"], handoff["outcomes"]) == (2, 1, {"won": 1})


async def test_openapi_document_names_the_routes(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert {"/v1/events", "/v1/forms/{form}", "/v1/deals/{deal_id}/lost"} <= set(paths)
    body = paths["/v1/deals/{deal_id}/lost"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["required"] == ["reason"]
