"""`/t/js` and `/t/v`: visits of people without a name, and what they become when they say who they are."""

from __future__ import annotations

import gzip
import uuid

import httpx
import pytest
from sqlmodel import col, select

from leadloop.inbox.applier import apply_once
from leadloop.inbox.erasure import erase_lead
from leadloop.leads.visitors import EARLIER
from leadloop.scoring.ledger import score_at
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Lead, Visitor
from leadloop.web.visits import origin_of
from tests.factories import ManualClock
from tests.inbox.driver import settle
from tests.web.conftest import PUBLIC_URL

BROWSER, OTHER = "a" * 32, "b" * 32
OUR_PAGES = {"origin": PUBLIC_URL}


def visit(path: str, seconds: int = 3, visit_id: str | None = None) -> dict[str, object]:
    return {
        "id": visit_id or uuid.uuid4().hex,
        "type": "page_viewed",
        "properties": {"path": path, "seconds": seconds},
    }


async def look(client: httpx.AsyncClient, *paths: str, browser: str = BROWSER) -> None:
    reply = await client.post(
        "/t/v", json={"visitor": browser, "visits": [visit(path) for path in paths]}, headers=OUR_PAGES
    )
    assert reply.status_code == 204, reply.text


async def fill_in(
    client: httpx.AsyncClient, email: str, browser: str = BROWSER, form: str = "contact"
) -> str:
    reply = await client.post(f"/v1/forms/{form}", data={"email": email, "visitor": browser})
    assert reply.status_code == 202, reply.text
    return str(reply.json()["lead"])


def events(env: Environment, subject_id: str | None = None) -> list[Event]:
    with env.database.read() as session:
        rows = session.exec(select(Event).where(Event.type == "page_viewed").order_by(col(Event.occurred_at)))
        return [row for row in rows if subject_id in (None, row.subject_id)]


def points(env: Environment, lead_id: str) -> int:
    with env.database.read() as session:
        scoring = env.publications.current(session).publication.scoring
        model = scoring.models["engagement"]
        return round(score_at(session, lead_id, "engagement", model, env.clock.now()))


async def test_script_is_small_and_cached(client: httpx.AsyncClient) -> None:
    reply = await client.get("/t/js")
    assert reply.headers["content-type"].startswith("text/javascript")
    assert reply.headers["cross-origin-resource-policy"] == "cross-origin"
    assert len(gzip.compress(reply.content)) < 3000
    again = await client.get("/t/js", headers={"if-none-match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_visit_of_nobody_makes_no_lead(env: Environment, client: httpx.AsyncClient) -> None:
    await look(client, "/", "/pricing")
    apply_once(env)
    assert [(row.lead_id, row.properties["path"]) for row in events(env)] == [(None, "/"), (None, "/pricing")]
    with env.database.read() as session:
        assert session.exec(select(Lead)).all() == []
        (visitor,) = session.exec(select(Visitor)).all()
    assert BROWSER not in visitor.visitor_hmac


@pytest.mark.parametrize("in_batch", [False, True])
async def test_identify_brings_the_earlier_visits_too(
    env: Environment, client: httpx.AsyncClient, in_batch: bool
) -> None:
    await look(client, "/", "/pricing")
    await look(client, "/other", browser=OTHER)
    known = {"type": "identify", "email": "hanako@kaisha.example", "visitor": BROWSER}
    others = [{"type": "identify", "email": "taro@kaisha.example"}, {"type": "page_viewed"}]
    headers = {"idempotency-key": "log-in"}
    for repeat in (False, True):
        reply = await client.post("/v1/events", json=[known, *others] if in_batch else known, headers=headers)
        told = reply.json()["items"] if in_batch else [reply.json()]
        assert (reply.status_code, told[0]["duplicate"]) == (202, repeat)
    if in_batch:
        assert [one["status"] for one in told] == ["duplicate", "duplicate", "invalid"]
    settle(env)
    await look(client, "/thanks")
    settle(env)
    lead_id = told[0]["lead"]
    assert [row.properties["path"] for row in events(env, lead_id)] == ["/", "/pricing", "/thanks"]
    assert [row.source for row in events(env, lead_id)][:2] == [EARLIER, EARLIER]
    with env.database.read() as session:
        visitors = session.exec(select(Visitor.lead_id)).all()
    assert sorted(visitors, key=str) == sorted([lead_id, None], key=str)
    other = await client.post("/v1/events", json=known, headers={"idempotency-key": "log-in-2"})
    changed = await client.post("/v1/events", json=known | {"visitor": OTHER}, headers=headers)
    assert (other.status_code, changed.status_code) == (202, 409)


@pytest.mark.parametrize("visitor", ["", "x", "A" * 32, 5, ["a"]])
async def test_identify_names_a_wrong_visitor(client: httpx.AsyncClient, visitor: object) -> None:
    event = {"type": "identify", "email": "hanako@kaisha.example", "visitor": visitor}
    reply = await client.post("/v1/events", json=event)
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "visitor")
    other = await client.post("/v1/events", json=event | {"type": "page_viewed"})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "visitor")


async def test_form_brings_the_earlier_visits_with_their_instants(
    env: Environment, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    await look(client, "/", "/pricing")
    seen_at = clock.now()
    clock.advance(days=30)  # the half-life
    lead_id = await fill_in(client, "hanako@kaisha.example")
    settle(env)
    earlier = events(env, lead_id)
    assert [(row.source, row.occurred_at, row.properties["path"]) for row in earlier] == [
        (EARLIER, seen_at, "/"), (EARLIER, seen_at, "/pricing")
    ]  # fmt: skip
    assert points(env, lead_id) == 30 + 3  # the inquiry, and two visits of three points a half-life ago
    await look(client, "/case")
    apply_once(env)
    assert points(env, lead_id) == 30 + 3 + 3


async def test_form_twice_brings_the_earlier_visits_once(env: Environment, client: httpx.AsyncClient) -> None:
    await look(client, "/pricing")
    lead_id = await fill_in(client, "hanako@kaisha.example")
    assert await fill_in(client, "hanako@kaisha.example") == lead_id
    settle(env)
    assert len(events(env, lead_id)) == 1


async def test_form_after_ninety_days_brings_nothing(
    env: Environment, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    await look(client, "/pricing")
    clock.advance(days=91)
    assert events(env, await fill_in(client, "hanako@kaisha.example")) == []


async def test_second_person_of_a_browser_gets_what_comes_after(
    env: Environment, client: httpx.AsyncClient
) -> None:
    await look(client, "/pricing")
    first = await fill_in(client, "hanako@kaisha.example")
    second = await fill_in(client, "taro@kaisha.example")
    await look(client, "/case")
    apply_once(env)
    assert [row.properties["path"] for row in events(env, first)] == ["/pricing"]
    assert [row.properties["path"] for row in events(env, second)] == ["/case"]


async def test_repeated_report_counts_once(env: Environment, client: httpx.AsyncClient) -> None:
    body = {"visitor": BROWSER, "visits": [visit("/", visit_id="c" * 32)]}
    for _ in range(2):
        assert (await client.post("/t/v", json=body, headers=OUR_PAGES)).status_code == 204
    assert len(events(env)) == 1
    await fill_in(client, "hanako@kaisha.example")
    known = {"visitor": BROWSER, "visits": [visit("/x", visit_id="d" * 32)]}
    for _ in range(2):
        assert (await client.post("/t/v", json=known, headers=OUR_PAGES)).status_code == 204
    assert [row.properties["path"] for row in events(env)].count("/x") == 1


async def test_undeclared_properties_are_left_out(env: Environment, client: httpx.AsyncClient) -> None:
    one = visit("/") | {"properties": {"path": "/", "title": "a page"}}
    reply = await client.post("/t/v", json={"visitor": BROWSER, "visits": [one]}, headers=OUR_PAGES)
    assert reply.status_code == 204
    assert events(env)[0].properties == {"path": "/"}


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (PUBLIC_URL, 204),
        ("http://127.0.0.1:8080", 204),
        ("https://www.elsewhere.example", 403),
        ("null", 403),
        ("", 403),
        (PUBLIC_URL + ".elsewhere.example", 403),
    ],
)
async def test_pages_of_other_sites_may_not_report(
    client: httpx.AsyncClient, origin: str, status: int
) -> None:
    body = {"visitor": BROWSER, "visits": [visit("/")]}
    headers = {"origin": origin} if origin else {}
    assert (await client.post("/t/v", json=body, headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"visitor": NaN}', 400),
        (b"[]", 422),
        (b'{"visitor": "short", "visits": []}', 422),
        (b'{"visitor": "%s", "visits": []}' % (b"a" * 32), 422),
        (b'{"visitor": "%s", "visits": [{"id": "%s", "type": "deal_won"}]}' % (b"a" * 32, b"c" * 32), 422),
        (b'{"visitor": "%s"}' % (b"a" * 20_000), 413),
    ],
)
async def test_bad_reports_are_refused(
    env: Environment, client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    assert (await client.post("/t/v", content=body, headers=OUR_PAGES)).status_code == status
    assert events(env) == []


async def test_form_refuses_a_visitor_that_is_none(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/forms/contact", data={"email": "a@b.example", "visitor": "me"})
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == "visitor"


async def test_erasure_forgets_the_browser_too(env: Environment, client: httpx.AsyncClient) -> None:
    await look(client, "/pricing")
    lead_id = await fill_in(client, "hanako@kaisha.example")
    settle(env)
    erase_lead(env, lead_id, "test")
    with env.database.read() as session:
        assert session.exec(select(Visitor)).all() == []
    assert [row.properties for row in events(env)] == [{}, {}]
    await look(client, "/again")
    assert [row.lead_id for row in events(env)][-1] is None


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://www.acme.example/path?x=1", "https://www.acme.example"),
        ("https://WWW.acme.example:443", "https://www.acme.example"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:80/", "http://[::1]"),
        ("ftp://acme.example", ""),
        ("null", ""),
        ("https://acme.example:port", ""),
    ],
)
def test_origin_of_an_address(url: str, origin: str) -> None:
    assert origin_of(url) == origin
