"""`/v1/journeys`, `/v1/scenarios/{name}/pause`, `/v1/sending`, `/v1/operations`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from leadloop.inbox.turns.editions import run_editions
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus
from leadloop.web.api_keys import Scope, create_key
from tests.factories import ManualClock
from tests.inbox.driver import journeys
from tests.inbox.operations.plays import go, log_of
from tests.inbox.operations.test_migrating import republish
from tests.inbox.played import enter, environment, plan_of, rest, row_of

PROBLEM = "application/problem+json"


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    opened = environment(tmp_path, plan_of(rest(days=10)))
    yield opened
    opened.database.close()


def one_journey(env: Environment) -> str:
    journey_id = enter(env, opt_in=True).id
    go(env)
    return journey_id


async def test_journeys_are_listed_by_page_and_filter(env: Environment, client: httpx.AsyncClient) -> None:
    ids = []
    for _ in range(3):
        ids.append(one_journey(env))
        assert isinstance(env.clock, ManualClock)
        env.clock.advance(minutes=1)
    first = (await client.get("/v1/journeys", params={"limit": 2})).json()
    assert [one["id"] for one in first["items"]] == ids[:0:-1]
    rest_of = (await client.get("/v1/journeys", params={"cursor": first["next_cursor"]})).json()
    assert ([one["id"] for one in rest_of["items"]], rest_of["next_cursor"]) == (ids[:1], None)
    held = (await client.get("/v1/journeys", params={"status": "held"})).json()
    assert held["items"] == []
    other = (await client.get("/v1/journeys", params={"scenario": "other"})).json()
    assert other["items"] == []
    assert (await client.get("/v1/journeys", params={"cursor": "x"})).status_code == 422


async def test_journey_is_paused_resumed_and_cancelled(env: Environment, client: httpx.AsyncClient) -> None:
    journey_id = one_journey(env)
    path = f"/v1/journeys/{journey_id}"
    paused = await client.post(f"{path}/pause", json={"clock": "freeze", "reason": "調査中"})
    assert paused.status_code == 200
    found = paused.json()
    assert (found["status"], found["stops"]) == ("paused", {"journey": "freeze"})
    assert found["operation"]["reason"] == "調査中"
    again = await client.post(f"{path}/pause")
    assert (again.status_code, again.headers["content-type"]) == (409, PROBLEM)
    assert (again.json()["reason"], again.json()["current"]["id"]) == ("already_paused", journey_id)
    assert (await client.post(f"{path}/resume")).json()["status"] == "running"
    assert (await client.post(f"{path}/retry")).json()["reason"] == "not_held"
    assert (await client.post(f"{path}/cancel")).json()["outcome"] == "cancelled"
    shown = (await client.get(path)).json()
    assert [one["action"] for one in shown["operations"]] == ["pause", "resume", "cancel"]
    assert {one["by"] for one in shown["operations"]} == {"this machine"}


async def test_log_names_the_key_that_asked(env: Environment, client: httpx.AsyncClient) -> None:
    journey_id = one_journey(env)
    with env.database.write() as session:
        key = create_key(session, env, "ops console", [Scope.ADMIN], env.clock.now())
    headers = {"authorization": f"Bearer {key.secret}"}
    reply = await client.post(f"/v1/journeys/{journey_id}/pause", headers=headers)
    assert reply.status_code == 200
    log = (await client.get("/v1/operations", headers=headers)).json()["items"]
    assert [(one["by"], one["action"], one["journey"]) for one in log] == [
        ("ops console", "pause", journey_id)
    ]


async def test_dry_run_changes_nothing(env: Environment, client: httpx.AsyncClient) -> None:
    journey_id = one_journey(env)
    body = {"dry_run": True}
    for path in ("journeys/" + journey_id + "/cancel", "scenarios/play/pause", "sending/stop"):
        reply = await client.post(f"/v1/{path}", json=body)
        assert (reply.status_code, reply.json()["dry_run"]) == (200, True)
    go(env)
    assert row_of(env, journey_id).status == EnrolmentStatus.RUNNING
    assert (await client.get("/v1/sending")).json()["stopped"] is False
    assert log_of(env) == []


async def test_scenario_is_paused_and_resumed(env: Environment, client: httpx.AsyncClient) -> None:
    one_journey(env)
    reply = await client.post("/v1/scenarios/play/pause", json={"clock": "freeze"})
    assert (reply.json()["paused"], reply.json()["journeys"]) == (True, 1)
    go(env)
    assert [row.status for row in journeys(env)] == [EnrolmentStatus.PAUSED]
    assert (await client.post("/v1/scenarios/play/pause")).json()["reason"] == "already_paused"
    assert (await client.post("/v1/scenarios/play/resume")).json()["paused"] is False
    go(env)
    assert [row.status for row in journeys(env)] == [EnrolmentStatus.RUNNING]


async def test_sending_is_stopped_and_started(env: Environment, client: httpx.AsyncClient) -> None:
    stopped = (await client.post("/v1/sending/stop", json={"reason": "wrong offer"})).json()
    assert (stopped["stopped"], stopped["reason"], stopped["by"]) == (True, "wrong offer", "this machine")
    assert (await client.post("/v1/sending/stop")).json()["reason"] == "already_stopped"
    assert (await client.post("/v1/sending/start")).json()["stopped"] is False


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("journeys/nobody/pause", {}, 404, None),
        ("journeys/nobody/cancel", {}, 404, None),
        ("scenarios/none/pause", {}, 404, None),
        ("scenarios/play/pause", {"clock": "stop"}, 422, "clock"),
        ("scenarios/play/pause", {"why": "x"}, 422, "why"),
        ("sending/stop", {"reason": "x" * 501}, 422, "reason"),
    ],
)
async def test_wrong_request_is_a_problem(
    client: httpx.AsyncClient, path: str, body: dict[str, object], status: int, field: str | None
) -> None:
    reply = await client.post(f"/v1/{path}", json=body)
    assert (reply.status_code, reply.headers["content-type"]) == (status, PROBLEM)
    assert [one["field"] for one in reply.json().get("errors", [{"field": None}])] == [field]


async def test_people_are_migrated(env: Environment, client: httpx.AsyncClient) -> None:
    journey_id = one_journey(env)
    digest = republish(env, rest("new", days=20))
    path = "/v1/scenarios/play/migrations"
    refused = await client.post(path)
    assert (refused.status_code, refused.headers["content-type"]) == (422, PROBLEM)
    assert "1 on `rest`" in refused.json()["detail"]
    dry = await client.post(path, json={"dry_run": True})
    assert (dry.status_code, dry.json()["unmapped"], dry.json()["operation"]["action"]) == (
        200, ["rest"], "migrate",
    )  # fmt: skip
    assert log_of(env) == []
    begun = await client.post(path, json={"map": {"rest": "new"}, "reason": "new second half"})
    assert (begun.status_code, begun.json()["version"], begun.json()["people"]) == (202, digest, 1)
    (left,) = (await client.get(path)).json()["items"]
    assert (left["journey"], left["fate"]) == (journey_id, "waiting")
    while run_editions(env):
        pass
    go(env)
    assert (await client.get(path)).json() == {"version": digest, "items": [], "next_cursor": None}
    assert row_of(env, journey_id).state["step"] == "new"
    assert (await client.post(path)).json()["reason"] == "nobody_to_move"
    assert (await client.post("/v1/scenarios/none/migrations")).status_code == 404
    assert (await client.post(path, json={"to": "ffffff"})).status_code == 404


async def test_status_tells_how_scenarios_and_sending_stand(
    env: Environment, client: httpx.AsyncClient
) -> None:
    one_journey(env)
    found = (await client.get("/v1/status")).json()
    assert found["sending"]["stopped"] is False
    (play,) = found["scenarios"]
    assert (play["steps"][0]["running"], play["pause"], play["temporal"]) == (1, None, None)
