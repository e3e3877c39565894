"""Bodies of `POST /v1/events`: many lines, gzip, and everything that is no plain JSON (fault E7)."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import func, select

from leadloop.inbox.ingestion.event_rules import EventRules, InvalidItemError
from leadloop.language.plan import FieldSpec
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event
from leadloop.web.raw_bodies import UNPACKED_LIMIT
from tests.factories import make_publication

JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/x-ndjson"}


def view(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "page_viewed", "email": f"p{number % 50}@example.jp", "id": f"v{number}"} | more


def count(env: Environment) -> int:
    with env.database.read() as session:
        return session.exec(select(func.count()).select_from(Event)).one()


async def test_a_thousand_events_are_stored_at_once(env: Environment, client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/events", json=[view(number) for number in range(1000)])
    assert reply.status_code == 202
    items = reply.json()["items"]
    assert [one["index"] for one in items] == list(range(1000))
    assert {one["status"] for one in items} == {"accepted"}
    assert len({one["lead"] for one in items}) == 50
    assert count(env) == 1000
    again = await client.post("/v1/events", json=[view(number) for number in range(1000)])
    assert [one["event"] for one in again.json()["items"]] == [one["event"] for one in items]
    assert count(env) == 1000


async def test_lines_are_events_and_bad_ones_are_named(env: Environment, client: httpx.AsyncClient) -> None:
    lines = [
        json.dumps(view(0)), "", json.dumps(view(1)) + "\r", "{", '{"type": NaN}',
        json.dumps(view(2, properties={"seconds": "3"})), json.dumps(view(3)),
    ]  # fmt: skip
    reply = await client.post("/v1/events", content="\n".join(lines), headers=LINES)
    assert reply.status_code == 202
    items = reply.json()["items"]
    assert [(one["index"], one["status"]) for one in items] == [
        (0, "accepted"), (1, "accepted"), (2, "invalid"), (3, "invalid"), (4, "invalid"), (5, "accepted"),
    ]  # fmt: skip
    fields = [one["errors"][0]["field"] for one in items if one["status"] == "invalid"]
    assert fields == ["", "type", "properties.seconds"]
    assert count(env) == 3


async def test_too_many_lines_are_refused(env: Environment, client: httpx.AsyncClient) -> None:
    for body in ("\n", "{}\n" * 1001, "\n" * 900_000):
        assert (await client.post("/v1/events", content=body, headers=LINES)).status_code == 422
    assert count(env) == 0


async def test_gzip_is_unpacked(env: Environment, client: httpx.AsyncClient) -> None:
    body = gzip.compress(json.dumps([view(number) for number in range(20)]).encode())
    headers = JSON | {"content-encoding": "gzip"}
    reply = await client.post("/v1/events", content=body, headers=headers)
    assert reply.status_code == 202
    assert count(env) == 20


PLAIN = json.dumps(view(0)).encode()


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b" " * (UNPACKED_LIMIT + 1)), "gzip", 413),
        (gzip.compress(gzip.compress(b"x")), "gzip", 400),
        (PLAIN, "gzip", 400),
        (gzip.compress(PLAIN)[:-9], "gzip", 400),
        (gzip.compress(PLAIN) + gzip.compress(PLAIN), "gzip", 400),
        (PLAIN, "br", 415),
        (gzip.compress(PLAIN), "gzip, gzip", 415),
    ],
    ids=["bomb", "twice", "plain", "cut", "two members", "brotli", "list"],
)
async def test_e7_encodings_are_bounded(
    env: Environment, client: httpx.AsyncClient, body: bytes, encoding: str, status: int
) -> None:
    reply = await client.post("/v1/events", content=body, headers=JSON | {"content-encoding": encoding})
    assert reply.status_code == status
    assert count(env) == 0


def event(text: str) -> bytes:
    return b'{"type": "page_viewed", "email": "a@example.jp", ' + text.encode() + b"}"


E7 = [
    ("nan", event('"properties": {"seconds": NaN}'), 400, "properties.seconds"),
    ("infinity", event('"properties": {"seconds": -Infinity}'), 400, "properties.seconds"),
    ("1e999", event('"properties": {"seconds": 1e999}'), 400, "properties.seconds"),
    ("long integer", event('"properties": {"seconds": ' + "9" * 100_000 + "}"), 400, "properties.seconds"),
    ("large integer", event('"properties": {"seconds": 9007199254740993}'), 422, "properties.seconds"),
    ("fraction", event('"properties": {"seconds": 1.5}'), 422, "properties.seconds"),
    ("truth for a number", event('"properties": {"seconds": true}'), 422, "properties.seconds"),
    ("nul", event('"properties": {"path": "a\\u0000b"}'), 400, "properties.path"),
    ("nul in a name", event('"properties": {"p\\u0000": "b"}'), 400, "properties"),
    ("lone surrogate", event('"properties": {"path": "\\ud83d"}'), 400, "properties.path"),
    ("twisted surrogates", event('"properties": {"path": "\\ude00\\ud83d"}'), 400, "properties.path"),
    ("raw nul", event('"properties": {"path": "a\x00b"}'), 400, None),
    ("twice", event('"properties": {"path": "a", "path": "b"}'), 400, "properties.path"),
    ("twice, type", b'{"type": "page_viewed", "type": "unsubscribed", "email": "a@example.jp"}', 400, "type"),
    ("twice by escape", event('"id": "a", "\\u0069d": "b"'), 400, "id"),
    ("deep", event('"properties": {"path": ' + "[" * 10_000 + "]" * 10_000 + "}"), 400, None),
    ("a bit deep", event('"properties": {"path": ' + "[" * 30 + "]" * 30 + "}"), 400, "properties.path"),
    ("list", event('"properties": {"path": ["a"]}'), 422, "properties.path"),
    ("object", event('"properties": {"path": {"a": 1}}'), 422, "properties.path"),
    ("long text", event('"properties": {"path": "' + "x" * 5000 + '"}'), 422, "properties.path"),
    ("long id", event('"id": "' + "x" * 201 + '"'), 422, "id"),
    ("long address", b'{"type": "page_viewed", "email": "' + b"x" * 9000 + b'@example.jp"}', 422, "email"),
    ("1970", event('"occurred_at": "1970-01-01T00:00:00Z"'), 422, "occurred_at"),
    ("2099", event('"occurred_at": "2099-01-01T00:00:00Z"'), 422, "occurred_at"),
    ("year 0", event('"occurred_at": "0000-01-01T00:00:00Z"'), 422, "occurred_at"),
    ("year 10000", event('"occurred_at": "10000-01-01T00:00:00Z"'), 422, "occurred_at"),
    ("first year, zone ahead", event('"occurred_at": "0001-01-01T00:00:00+14:00"'), 422, "occurred_at"),
    ("no zone", event('"occurred_at": "2026-11-16T10:00:00"'), 422, "occurred_at"),
    ("time as a number", event('"occurred_at": 1794790800'), 422, "occurred_at"),
    ("undeclared", event('"properties": {"x": 1}'), 422, "properties.x"),
    ("unknown field", event('"colour": 1'), 422, "colour"),
    ("values without end", b"[" + b"[]," * 150_000 + b"[]]", 400, None),
    ("names without end", b'{"a":' * 1, 400, None),
    ("utf-16", '{"type": "page_viewed"}'.encode("utf-16"), 400, None),
    ("bom", b"\xef\xbb\xbf{}", 400, None),
    ("latin-1", event('"id": "é"').decode().encode("latin-1"), 400, None),
    ("10 MB", event('"properties": {"path": "' + "x" * 10_000_000 + '"}'), 413, None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "field"), [one[1:] for one in E7], ids=[one[0] for one in E7])
async def test_e7_bad_bodies_are_refused_and_name_the_field(
    env: Environment, client: httpx.AsyncClient, body: bytes, status: int, field: str | None
) -> None:
    reply = await client.post("/v1/events", content=body, headers=JSON)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert len(reply.content) < 1000
    if field is not None:
        assert reply.json()["errors"][0]["field"].removesuffix("[0]" * 19) == field
    assert count(env) == 0


@pytest.mark.parametrize(
    ("event_type", "properties", "field"),
    [
        ("deal_lost", {"revisit_on": "0000-05"}, "properties.revisit_on"),
        ("deal_lost", {"revisit_on": "２０２７-05"}, "properties.revisit_on"),
        ("deal_lost", {"revisit_on": "2027-13"}, "properties.revisit_on"),
        ("deal_lost", {"revisit_on": "2027-02-30"}, "properties.revisit_on"),
        ("deal_lost", {"revisit_on": "2027-05-0"}, "properties.revisit_on"),
    ],
)
async def test_e7_days_that_are_none_are_refused(
    env: Environment, client: httpx.AsyncClient, event_type: str, properties: dict[str, str], field: str
) -> None:
    body = {"type": event_type, "email": "a@example.jp", "properties": properties}
    reply = await client.post("/v1/events", json=body)
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, field)
    assert count(env) == 0


@pytest.mark.parametrize(
    "instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-12-10T10:00:00"]
)
def test_e7_instants_that_have_no_year_are_refused(instant: str) -> None:
    declared = {"meeting_booked": {"starts_at": FieldSpec(type="datetime")}}
    rules = EventRules(make_publication().workspace.model_copy(update={"events": declared}))
    with pytest.raises(InvalidItemError) as refused:
        rules.check("meeting_booked", {"starts_at": instant})
    assert refused.value.field == "properties.starts_at"
    assert rules.check("meeting_booked", {"starts_at": "2026-12-10T10:00:00+09:00"})


@pytest.mark.parametrize(
    ("event", "hint"),
    [
        ({"type": "page_view"}, "did you mean `page_viewed`?"),
        ({"type": "page_viewed", "properties": {"pth": "/"}}, "did you mean `path`?"),
        ({"type": "form_submitted"}, "expected one of"),
        ({"type": "deal_lost", "properties": {"reason": "price"}}, "known: "),
    ],
)
async def test_a_wrong_name_is_answered_with_the_right_ones(
    env: Environment, client: httpx.AsyncClient, event: dict[str, Any], hint: str
) -> None:
    reply = await client.post("/v1/events", json=event | {"email": "a@example.jp"})
    assert reply.status_code == 422
    assert hint in reply.json()["errors"][0]["problem"]


async def test_names_without_end_get_no_hints(client: httpx.AsyncClient) -> None:
    """Looking for the nearest name takes time, and a batch may have a thousand."""
    wrong = [view(number, type=f"page_viewed_{number}") for number in range(300)]
    items = (await client.post("/v1/events", json=wrong)).json()["items"]
    problems = [one["errors"][0]["problem"] for one in items]
    assert sum("did you mean" in one for one in problems) == 200


async def test_e7_bad_item_of_a_batch_is_named_with_its_index(
    env: Environment, client: httpx.AsyncClient
) -> None:
    """What is JSON is judged by item; one that is none (NaN) makes the whole body none."""
    items = [view(0), view(1, occurred_at="1970-01-01T00:00:00Z"), view(2, properties={"seconds": "x"})]
    reply = await client.post("/v1/events", json=items)
    assert reply.status_code == 202
    found = [(one["index"], one["errors"][0]["field"]) for one in reply.json()["items"] if "errors" in one]
    assert found == [(1, "occurred_at"), (2, "properties.seconds")]
    assert count(env) == 1
    body = json.dumps([view(3), view(4, properties={"seconds": float("nan")})])
    reply = await client.post("/v1/events", content=body, headers=JSON)
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, "[1].properties.seconds")
    assert count(env) == 1


def test_e7_memory_stays_flat(tmp_path: Path) -> None:
    """The corpus, many times, through a server process of its own, which must not grow by much."""
    program = Path(__file__).with_name("memory_probe.py")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    result = subprocess.run(
        [sys.executable, program, str(tmp_path)], capture_output=True, text=True, env=environment, timeout=300
    )
    assert result.returncode == 0, result.stderr
    grown = json.loads(result.stdout)
    assert grown["requests"] > 100
    assert grown["megabytes"] < 100
