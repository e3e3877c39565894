"""SQL in every text field and parameter is a text like any other (fault A3), on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import func, select

from leadloop.delivery.tokens import Tokens
from leadloop.keys import Keys
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.publications import PublicationStore, publish
from leadloop.storage.tables import Event, Lead
from leadloop.web.access import ROUTE_SCOPES
from leadloop.web.app import create_app
from tests.factories import SECRET, ManualClock, make_lead, make_publication

SQL = [
    "' OR '1'='1", "'; DROP TABLE lead; --", '" OR ""="', "1); DELETE FROM event; --", "%' OR 1=1 --", "%",
    "_", "\\'; SELECT pg_sleep(9); --", "${jndi:x}", "{{7*7}}", "$1", ":name", "%s", "?", "\x00", "'\x00--",
    "lead.id", "created_at; --", "((SELECT 1))", "NULL", "\u2028'", "🙂'", "'" * 500,
]  # fmt: skip
texts = st.sampled_from(SQL) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace").decode())
ROUTES = sorted(ROUTE_SCOPES)


class World:
    """An application on one database, with people in it."""

    def __init__(self, url: str) -> None:
        database = Database(url)
        database.create_schema()
        self.env = Environment(database, ManualClock(), Keys(SECRET), PublicationStore(database))
        with database.write() as session:
            publish(session, make_publication(), "tests", self.env.clock.now())
            for number in range(3):
                make_lead(session, self.env, email=f"p{number}@example.jp")
        self.app: FastAPI = create_app(self.env, tokens=Tokens(self.env.keys), public_url="http://localhost")
        self.schema: dict[str, Any] = self.app.openapi()

    def ask(self, *requests: tuple[str, str, Any]) -> list[httpx.Response]:
        async def play() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return [await client.request(method, url, json=body) for method, url, body in requests]

        return asyncio.run(play())

    def leads(self) -> int:
        with self.env.database.read() as session:
            return session.exec(select(func.count()).select_from(Lead)).one()


@pytest.fixture
def world(url: str) -> Iterator[World]:
    made = World(url)
    yield made
    made.env.database.close()


def body_of(operation: dict[str, Any], text: str) -> Any:
    """Return a body whose every text is the given one, by the route's own schema."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return _value(schema, text) if schema else {}


def _value(schema: dict[str, Any], text: str) -> Any:
    for one in ("oneOf", "anyOf"):
        if one in schema:
            return _value(schema[one][0], text)
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {name: _value(inner, text) for name, inner in schema["properties"].items()}
        case "object":
            return {text: text}
        case "array":
            return [_value(schema.get("items", {}), text)]
        case "integer" | "number":
            return 1
        case "boolean":
            return True
    return text


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts)
def test_a3_text_in_every_route_is_literal(world: World, text: str) -> None:
    requests = []
    for method, path in ROUTES:
        url = "/".join(
            quote(text, safe="") or "x" if part.startswith("{") else part for part in path.split("/")
        )
        operation = world.schema["paths"].get(path, {}).get(method.lower(), {})
        names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
        query = "&".join(f"{name}={quote(text, safe='')}" for name in [*names, "sort", "filter", "order"])
        requests.append((method, f"{url}?{query}", body_of(operation, text) if method != "GET" else None))
        if method == "GET":  # each parameter by itself, so that one wrong one does not hide the others
            requests += [(method, f"{url}?{name}={quote(text, safe='')}", None) for name in names]
    for request, reply in zip(requests, world.ask(*requests), strict=True):
        assert reply.status_code < 500, (request, reply.text)
    assert world.leads() >= 3


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts.filter(lambda text: text.strip("%_\x00") and "\x00" not in text))
def test_a3_text_is_stored_and_searched_as_it_is(world: World, text: str) -> None:
    event = {"type": "page_viewed", "email": "p0@example.jp", "properties": {"path": text}}
    posted, found, staged = world.ask(
        ("POST", "/v1/events", event),
        ("GET", f"/v1/leads?q={quote(text, safe='')}", None),
        ("GET", f"/v1/leads?stage={quote(text, safe='')}", None),
    )
    assert posted.status_code == 202
    with world.env.database.read() as session:
        assert session.get_one(Event, posted.json()["event"]).properties == {"path": text}
    wanted = text.strip().lower()
    shown = [one["email"] for one in found.json()["items"]]
    if wanted and not any(wanted in f"p{number}@example.jp" for number in range(3)) and "'" in text:
        assert shown == []
    assert staged.json()["items"] == []
