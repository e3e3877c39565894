"""Who may ask for what: every route, with every kind of key (fault A1), and wrong keys in numbers (A2)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from leadloop.delivery.mailbox import Mailbox
from leadloop.delivery.tokens import Tokens
from leadloop.storage.environment import Environment
from leadloop.web.access import OPEN_PATHS, ROUTE_SCOPES
from leadloop.web.api_keys import NewKey, Scope, create_key, revoke_key
from leadloop.web.app import create_app
from tests.web.conftest import PUBLIC_URL
from tests.web.routes import routes_of

OTHER_HOST = {"host": "mail.acme.example"}


@pytest.fixture
def app(env: Environment, tokens: Tokens, mailbox: Mailbox) -> FastAPI:
    return create_app(env, tokens=tokens, public_url=PUBLIC_URL, mailbox=mailbox)


@pytest.fixture
async def public(env: Environment, tokens: Tokens) -> AsyncIterator[httpx.AsyncClient]:
    """A server that other machines reach, and one of them."""
    app = create_app(env, tokens=tokens, public_url=PUBLIC_URL, loopback=False)
    transport = httpx.ASGITransport(app=app, client=("203.0.113.9", 40000))
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as opened:
        yield opened


def make_key(env: Environment, *scopes: Scope, **options: Any) -> NewKey:
    with env.database.write() as session:
        return create_key(session, env, "tests", scopes, env.clock.now(), **options)


def bearer(key: NewKey | str) -> dict[str, str]:
    return {"authorization": f"Bearer {key if isinstance(key, str) else key.secret}"}


def concrete(path: str) -> str:
    return path.replace("{", "").replace("}", "")


def test_every_route_of_the_api_declares_its_scope(app: FastAPI) -> None:
    found = set(routes_of(app))
    api = {route for route in found if route[1].startswith("/v1")}
    assert len(api) > 20
    assert api == set(ROUTE_SCOPES), "add the route to ROUTE_SCOPES of leadloop/web/access.py"


@pytest.mark.parametrize(("method", "path"), ROUTE_SCOPES)
async def test_a1_each_route_refuses_wrong_keys(
    env: Environment, public: httpx.AsyncClient, method: str, path: str
) -> None:
    scope = ROUTE_SCOPES[method, path]
    url = concrete(path)
    if scope is None:
        assert (await public.request(method, url)).status_code not in (401, 403)
        return
    right = make_key(env, scope)
    others = [one for one in Scope if one not in (scope, Scope.ADMIN)]
    wrong = make_key(env, *others)
    revoked = make_key(env, scope)
    with env.database.write() as session:
        revoke_key(session, revoked.row.id, env.clock.now())

    async def status(headers: dict[str, str], query: str = "") -> int:
        reply = await public.request(method, url + query, headers=headers)
        assert right.secret not in reply.text
        if reply.status_code in (401, 403):
            assert reply.headers["content-type"] == "application/problem+json"
        return reply.status_code

    with structlog.testing.capture_logs() as logs:
        assert await status({}) == 401
        assert await status({}, f"?key={right.secret}&api_key={right.secret}") == 401
        assert await status(bearer(revoked)) == 401
        assert await status(bearer(right.secret[:-1])) == 401
        assert await status(bearer("llk__")) == 401
        assert await status({"authorization": f"Basic {right.secret}"}) == 401
        assert await status(bearer(wrong)) == 403
    assert [one["status"] for one in logs] == [401, 401, 401, 401, 401, 401, 403]
    assert all(one["route"] == f"{method} {path}" for one in logs)
    assert logs[3]["key"] == right.row.id  # whose prefix was tried is told, the key is not
    assert right.secret not in str(logs)
    assert revoked.secret not in str(logs)
    assert await status(bearer(right)) not in (401, 403)


async def test_unlisted_paths_of_the_api_ask_for_admin(env: Environment, public: httpx.AsyncClient) -> None:
    reader, admin = make_key(env, Scope.READ), make_key(env, Scope.ADMIN)
    assert (await public.get("/v1/nothing")).status_code == 401
    assert (await public.get("/v1/nothing", headers=bearer(reader))).status_code == 403
    assert (await public.get("/v1/nothing", headers=bearer(admin))).status_code == 404
    assert (await public.get("/v1/leads", headers=bearer(admin))).status_code == 200


async def test_this_machine_needs_no_key_until_there_is_one(
    env: Environment, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/v1/leads")).status_code == 200
    key = make_key(env, Scope.READ)
    assert (await client.get("/v1/leads")).status_code == 401
    assert (await client.get("/v1/leads", headers=bearer(key))).status_code == 200
    with env.database.write() as session:
        revoke_key(session, key.row.prefix, env.clock.now())
    assert (await client.get("/v1/leads")).status_code == 401  # revoking the last key opens nothing
    assert (await client.get("/leads")).status_code == 200  # a person here still sees the pages


@pytest.mark.parametrize(
    "headers", [OTHER_HOST, {"x-forwarded-for": "203.0.113.9"}, {"via": "1.1 proxy"}, {"x-real-ip": "::1"}]
)
async def test_a_proxy_on_this_machine_is_not_a_person(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for path in ("/v1/leads", "/leads", "/openapi.json"):
        assert (await client.get(path, headers=headers)).status_code == 401
    assert (await client.get("/healthz", headers=headers)).status_code == 200


async def test_pages_ask_for_a_key_as_password(env: Environment, public: httpx.AsyncClient) -> None:
    reader, sales = make_key(env, Scope.READ), make_key(env, Scope.SALES)

    def basic(key: NewKey) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(f"sato:{key.secret}".encode()).decode()}

    asked = await public.get("/leads")
    assert (asked.status_code, asked.headers["www-authenticate"][:6]) == (401, "Basic ")
    assert (await public.get("/leads", headers=basic(reader))).status_code == 200
    assert (await public.get("/leads", headers=basic(sales))).status_code == 403
    answer = "/sales/offers/x/accept"
    assert (await public.post(answer, headers=basic(reader))).status_code == 403
    assert (await public.post(answer, headers=basic(sales))).status_code == 404
    assert (await public.post("/mailbox/x", headers=basic(sales))).status_code == 403
    assert (await public.get("/leads", headers={"authorization": "Basic !"})).status_code == 401


async def test_what_recipients_call_is_open(public: httpx.AsyncClient) -> None:
    for path in ("/t/o/x.gif", "/t/c/x", "/u/x", "/static/leadloop.css", "/healthz"):
        assert path.startswith(OPEN_PATHS)
        assert (await public.get(path)).status_code in (200, 404)


async def test_a2_wrong_keys_in_numbers_are_throttled_and_right_ones_are_not(
    env: Environment, public: httpx.AsyncClient
) -> None:
    right = make_key(env, Scope.READ)

    async def ask(number: int) -> httpx.Response:
        key = f"llk_{right.row.prefix}_{number}" if number % 2 else f"guess-{number}"
        return await public.get("/v1/leads", headers=bearer(key))

    with structlog.testing.capture_logs() as logs:
        replies = await asyncio.gather(*(ask(number) for number in range(1000)))
    throttled = [one for one in replies if one.status_code == 429]
    assert {one.status_code for one in replies} == {401, 429}
    assert len(throttled) > 800
    assert all(one.headers["retry-after"] == "1" for one in throttled)
    assert len(logs) == 1000 - len(throttled)
    assert (await public.get("/v1/leads", headers=bearer(right))).status_code == 200
