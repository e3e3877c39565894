"""`POST /v1/events`."""

from __future__ import annotations

import httpx
import pytest
from sqlmodel import select

from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Lead
from tests.factories import make_lead


def stored(env: Environment) -> list[Event]:
    with env.database.read() as session:
        return list(session.exec(select(Event).where(Event.source == "api")).all())


async def test_event_is_stored_and_answered_with_202(env: Environment, client: httpx.AsyncClient) -> None:
    reply = await client.post(
        "/v1/events",
        json={"type": "page_viewed", "email": "hanako@example.jp", "properties": {"path": "/pricing"}},
    )
    assert reply.status_code == 202
    body = reply.json()
    assert (body["status"], body["duplicate"]) == ("accepted", False)
    row = stored(env)[0]
    assert (row.id, row.subject_id) == (body["event"], body["lead"])
    assert row.properties == {"path": "/pricing"}


async def test_same_id_counts_once_and_another_body_conflicts(
    env: Environment, client: httpx.AsyncClient
) -> None:
    event = {"type": "page_viewed", "email": "a@example.jp", "id": "e1", "properties": {"path": "/"}}
    first = await client.post("/v1/events", json=event)
    again = await client.post("/v1/events", json=event)
    other = await client.post("/v1/events", json=event | {"properties": {"path": "/other"}})
    assert (again.status_code, again.json()["duplicate"]) == (202, True)
    assert again.json()["event"] == first.json()["event"]
    assert other.status_code == 409
    assert other.headers["content-type"] == "application/problem+json"
    assert len(stored(env)) == 1


async def test_batch_answers_item_by_item(env: Environment, client: httpx.AsyncClient) -> None:
    event = {"type": "page_viewed", "email": "a@example.jp", "id": "e1"}
    reply = await client.post(
        "/v1/events",
        json=[event, event, event | {"properties": {"path": "/"}}, {"type": "page_viewed"}, {"typ": "x"}, 7],
    )
    assert reply.status_code == 202
    items = reply.json()["items"]
    assert [one["status"] for one in items] == [
        "accepted", "duplicate", "conflict", "invalid", "invalid", "invalid"
    ]  # fmt: skip
    assert items[3]["errors"][0]["field"] == "lead"
    assert "did you mean `type`?" in items[4]["errors"][0]["problem"]
    assert len(stored(env)) == 1


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "page_viewed"}, "lead"),
        ({"type": "page_viewed", "lead": "01a200c5-703d-7737-8270-d6ebddae0d24"}, "lead"),
        ({"type": "page_viewed", "email": "not an address"}, "email"),
        ({"type": "page_veiwed", "email": "a@example.jp"}, "type"),
        ({"email": "a@example.jp"}, "type"),
        ({"type": "page_viewed", "email": "a@example.jp", "properties": {"pth": "/"}}, "properties.pth"),
        (
            {"type": "page_viewed", "email": "a@example.jp", "properties": {"seconds": "3"}},
            "properties.seconds",
        ),
        ({"type": "page_viewed", "email": "a@example.jp", "properties": []}, "properties"),
        ({"type": "page_viewed", "email": "a@example.jp", "occurred_at": "yesterday"}, "occurred_at"),
        (
            {"type": "page_viewed", "email": "a@example.jp", "occurred_at": "2026-11-16T10:00:00"},
            "occurred_at",
        ),
        ({"type": "page_viewed", "email": "a@example.jp", "id": ""}, "id"),
        ({"type": "stage_changed", "email": "a@example.jp"}, "type"),
        ({"type": "handoff_accepted", "email": "a@example.jp"}, "type"),
        ("page_viewed", ""),
    ],
)
async def test_bad_event_is_a_problem_that_names_the_field(
    env: Environment, client: httpx.AsyncClient, event: object, field: str
) -> None:
    reply = await client.post("/v1/events", json=event)
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    body = reply.json()
    assert body["status"] == 422
    assert body["errors"][0]["field"] == field
    assert stored(env) == []


async def test_batch_of_bad_events_is_a_422(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/events", json=[{"type": "page_viewed"}, {}])
    assert (reply.status_code, len(reply.json()["items"])) == (422, 2)
    assert (await client.post("/v1/events", json=[])).status_code == 422
    assert (await client.post("/v1/events", json=[{}] * 1001)).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"type": "a", "type": "b"}',
        b'{"type": NaN}',
        b'{"type": 1e999}',
        b'{"type": ' + b"9" * 5000 + b"}",
        b'{"type": "a\\u0000b"}',
        b'{"type": "\\ud800"}',
        b"[" * 30 + b"]" * 30,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
async def test_body_that_is_not_plain_json_is_a_400(client: httpx.AsyncClient, body: bytes) -> None:
    reply = await client.post("/v1/events", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 400
    assert reply.json()["title"] == "Bad Request"


async def test_body_must_say_that_it_is_json(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/events", content=b"{}", headers={"content-type": "text/plain"})
    assert reply.status_code == 415


async def test_event_for_a_known_lead_by_id(env: Environment, client: httpx.AsyncClient) -> None:
    with env.database.write() as session:
        lead = make_lead(session, env)
    reply = await client.post(
        "/v1/events",
        json={"type": "page_viewed", "lead": lead.id, "occurred_at": "2026-11-16T09:00:00+09:00"},
    )
    assert reply.json()["lead"] == lead.id
    assert stored(env)[0].occurred_at.isoformat() == "2026-11-16T00:00:00+00:00"
    with env.database.read() as session:
        assert len(session.exec(select(Lead)).all()) == 1
