"""`POST /v1/scenarios/{name}/enrolments`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from tests.factories import ManualClock, make_lead
from tests.inbox.driver import journeys
from tests.inbox.seminars import environment, plan, put_seminar, when

WAIT = p.WaitStep(id="w", wait=p.WaitSpec(span=p.Span(amount=300, unit="days")))
PATH = "/v1/scenarios/seminar/enrolments"


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    audience = when('lead.country == "JP"', lead__country="text")
    opened = environment(tmp_path, clock, plan(WAIT, entry=p.ManualMatch(), audience=audience))
    with opened.database.write() as session:
        make_lead(session, opened, id="hanako", email="hanako@kaisha.example", country="JP")
        make_lead(session, opened, id="jiro", email="jiro@kaisha.example", country="US")
    put_seminar(opened)
    yield opened
    opened.database.close()


async def test_each_lead_gets_its_answer(env: Environment, client: httpx.AsyncClient) -> None:
    body = {"leads": ["hanako@kaisha.example", "jiro", "nobody"], "record": "s1", "key": "12月"}
    reply = await client.post(PATH, json=body)
    assert reply.status_code == 200
    items = reply.json()["items"]
    assert [(one["named"], one["lead"], one["status"], one["code"]) for one in items] == [
        ("hanako@kaisha.example", "hanako", "entered", None),
        ("jiro", "jiro", "refused", "audience"),
        ("nobody", None, "refused", "unknown"),
    ]
    assert items[1]["reason"] == "the lead is not in the audience"
    again = (await client.post(PATH, json=body)).json()["items"]
    assert [one["status"] for one in again] == ["repeated", "refused", "refused"]
    assert [row.record_key for row in journeys(env)] == ["s1"]


async def test_a_dry_run_enters_nobody(env: Environment, client: httpx.AsyncClient) -> None:
    reply = await client.post(PATH, json={"leads": ["hanako"], "record": "s1", "dry_run": True})
    assert (reply.json()["dry_run"], reply.json()["items"][0]["status"]) == (True, "entered")
    assert journeys(env) == []


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        (PATH, {"leads": ["hanako"]}, 422, "record"),
        (PATH, {"leads": [], "record": "s1"}, 422, "leads"),
        (PATH, {"leads": ["a"] * 1001, "record": "s1"}, 422, "leads"),
        (PATH, {"leads": ["a"], "records": "s1"}, 422, "records"),
        ("/v1/scenarios/none/enrolments", {"leads": ["hanako"]}, 404, None),
    ],
)
async def test_a_wrong_request_is_a_problem(
    client: httpx.AsyncClient, path: str, body: dict[str, object], status: int, field: str | None
) -> None:
    reply = await client.post(path, json=body)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert [one["field"] for one in reply.json().get("errors", [{"field": None}])] == [field]
