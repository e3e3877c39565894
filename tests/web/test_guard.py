"""Hosts, origins, sizes and headers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from leadloop.delivery.tokens import Tokens
from leadloop.keys import Keys
from leadloop.storage.environment import Environment
from leadloop.storage.publications import PublicationStore
from leadloop.web.app import create_app
from leadloop.web.guard import BODY_LIMIT
from tests.databases import open_database
from tests.factories import SECRET, ManualClock


async def test_health_says_whether_something_is_published(client: httpx.AsyncClient, tmp_path: Path) -> None:
    assert (await client.get("/healthz")).json()["status"] == "ok"
    database = open_database(tmp_path / "empty")
    env = Environment(database, ManualClock(), Keys(SECRET), PublicationStore(database))
    app = create_app(env, tokens=Tokens(env.keys), public_url="http://localhost")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://localhost"
    ) as empty:
        for path in ("/healthz", "/v1/scenarios"):
            reply = await empty.get(path)
            assert (reply.status_code, reply.json()["title"]) == (503, "Service Unavailable")
        page = await empty.get("/", headers={"accept": "text/html"})
        assert page.status_code == 503
        assert "leadloop" in page.text
    database.close()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("[::1]:8080", 200),
        ("mail.acme.example", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("[", 421),
    ],
)
async def test_only_known_hosts_are_answered(client: httpx.AsyncClient, host: str, status: int) -> None:
    reply = await client.get("/healthz", headers={"host": host})
    assert reply.status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_commands_of_other_sites_are_refused(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for path in ("/sales/offers/x/accept", "/v1/offers/x/accept", "/v1/events"):
        reply = await client.post(path, headers=headers)
        assert reply.status_code == 403


async def test_own_pages_may_post(client: httpx.AsyncClient) -> None:
    headers = {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"}
    reply = await client.post("/sales/offers/x/accept", headers=headers)
    assert reply.status_code == 404


async def test_large_bodies_are_refused_whether_or_not_they_say_so(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT // 100_000 + 1):
            yield b" " * 100_000

    headers = {"content-type": "application/json"}
    told = await client.post("/v1/events", content=b" " * (BODY_LIMIT + 1), headers=headers)
    untold = await client.post("/v1/events", content=chunks(), headers=headers)
    assert [told.status_code, untold.status_code] == [413, 413]
    assert untold.headers["content-type"] == "application/problem+json"


async def test_every_response_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/", "/leads", "/v1/leads", "/nothing", "/static/leadloop.css"):
        reply = await client.get(path)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
