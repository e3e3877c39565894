"""`PUT /v1/records/{kind}/{key}` and reading them back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlmodel import func, select

from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Record
from tests.factories import ManualClock, make_lead
from tests.inbox.seminars import environment, plan


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    step = p.WaitStep(id="w", wait=p.WaitSpec(span=p.Span(amount=300, unit="days")))
    opened = environment(tmp_path, clock, plan(step))
    yield opened
    opened.database.close()


BODY = {"fields": {"title": "製造業のDX入門", "starts_at": "2026-12-10T15:00:00+09:00"}}


async def test_a_record_is_created_changed_and_left_alone(client: httpx.AsyncClient) -> None:
    first = await client.put("/v1/records/seminar/2026年12月", json=BODY)
    again = await client.put("/v1/records/seminar/2026年12月", json=BODY)
    later = await client.put("/v1/records/seminar/2026年12月", json={"fields": {"title": None}})
    assert [reply.status_code for reply in (first, again, later)] == [201, 200, 200]
    assert [reply.json()["status"] for reply in (first, again, later)] == ["created", "unchanged", "changed"]
    assert later.json()["changed"] == ["title"]
    read = (await client.get("/v1/records/seminar/2026年12月")).json()
    assert read["fields"] == {"starts_at": "2026-12-10T06:00:00+00:00"}
    assert (read["kind"], read["key"], read["lead"], read["company"]) == ("seminar", "2026年12月", None, None)


async def test_a_record_that_does_not_fit_is_refused_whole(
    env: Environment, client: httpx.AsyncClient
) -> None:
    body = {"fields": {"title": 3, "start_at": "2026-12-10"}, "lead": "hanako@kaisha.example"}
    reply = await client.put("/v1/records/seminar/s1", json=body)
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["errors"] == [
        {"field": "fields.title", "problem": "not a text of at most 2,000 characters"},
        {"field": "fields.start_at", "problem": "no such field is declared; did you mean `starts_at`?"},
        {"field": "lead", "problem": "`seminar` belongs to no lead and has no contact"},
    ]
    with env.database.read() as session:
        assert session.exec(select(func.count()).select_from(Record)).one() == 0


@pytest.mark.parametrize(
    "instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-12-10T10:00:00", "soon", 1]
)
async def test_an_instant_that_is_none_is_refused(client: httpx.AsyncClient, instant: object) -> None:
    """Also one that has no year in UTC."""
    reply = await client.put("/v1/records/seminar/s1", json={"fields": {"starts_at": instant}})
    assert reply.status_code == 422
    assert [one["field"] for one in reply.json()["errors"]] == ["fields.starts_at"]


async def test_what_is_not_there_is_a_404(client: httpx.AsyncClient) -> None:
    unknown = await client.put("/v1/records/seminer/s1", json=BODY)
    assert unknown.status_code == 404
    assert "did you mean `seminar`" in unknown.json()["detail"]
    assert (await client.get("/v1/records/seminar/none")).status_code == 404
    assert (await client.get("/v1/records/seminer")).status_code == 404


async def test_a_body_with_unknown_members_is_refused(client: httpx.AsyncClient) -> None:
    reply = await client.put("/v1/records/seminar/s1", json={"title": "入門"})
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == "title"


async def test_a_lead_may_be_named_by_address_and_records_are_listed(
    env: Environment, client: httpx.AsyncClient
) -> None:
    with env.database.write() as session:
        lead = make_lead(session, env, email="hanako@kaisha.example")
    for key in ("E-1", "E-2", "E-3"):
        body = {"fields": {"amount": 100}, "lead": "hanako@kaisha.example"}
        reply = await client.put(f"/v1/records/estimate/{key}", json=body)
        assert reply.json()["lead"] == lead.id
    page = (await client.get("/v1/records/estimate", params={"limit": 2})).json()
    rest = (await client.get("/v1/records/estimate", params={"cursor": page["next_cursor"]})).json()
    assert {one["key"] for one in (*page["items"], *rest["items"])} == {"E-1", "E-2", "E-3"}
    assert (len(page["items"]), rest["next_cursor"]) == (2, None)


async def test_nobody_reports_a_change_of_a_record_as_an_event(client: httpx.AsyncClient) -> None:
    event = {"type": "record_changed", "email": "hanako@kaisha.example"}
    reply = await client.post("/v1/events", json=event)
    assert reply.status_code == 422
    assert "itself" in reply.json()["errors"][0]["problem"]
