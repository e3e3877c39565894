"""`Idempotency-Key` on commands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import func, select

from leadloop.inbox.erasure import erase_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import CommandAnswer, Deal
from leadloop.web.api_keys import Scope, create_key
from leadloop.web.idempotency import Idempotency
from tests.factories import ManualClock, make_lead


@pytest.fixture
def lead_id(env: Environment) -> str:
    with env.database.write() as session:
        return make_lead(session, env).id


def deals(env: Environment) -> int:
    with env.database.read() as session:
        return session.exec(select(func.count()).select_from(Deal)).one()


async def test_command_runs_once_and_is_answered_again(
    env: Environment, client: httpx.AsyncClient, lead_id: str
) -> None:
    headers = {"idempotency-key": "k1"}
    first = await client.post("/v1/deals", json={"lead": lead_id}, headers=headers)
    again = await client.post("/v1/deals", json={"lead": lead_id}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert deals(env) == 1
    await client.post("/v1/deals", json={"lead": lead_id}, headers={"idempotency-key": "k2"})
    assert deals(env) == 2


async def test_a_refusal_is_answered_again_too(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "k"}
    first = await client.post("/v1/deals", json={"lead": "nobody"}, headers=headers)
    again = await client.post("/v1/deals", json={"lead": "nobody"}, headers=headers)
    assert first.status_code == again.status_code == 404
    assert again.json() == first.json()
    assert again.headers["content-type"] == first.headers["content-type"]


async def test_key_with_another_request_is_refused(
    env: Environment, client: httpx.AsyncClient, lead_id: str
) -> None:
    headers = {"idempotency-key": "k"}
    await client.post("/v1/deals", json={"lead": lead_id}, headers=headers)
    body = await client.post("/v1/deals", json={"lead": lead_id, "amount": 1}, headers=headers)
    path = await client.post("/v1/deals/x/won", json={"lead": lead_id}, headers=headers)
    assert (body.status_code, path.status_code) == (422, 422)
    assert deals(env) == 1


@pytest.mark.parametrize(("seconds", "status"), [(30, 409), (61, 201)])
async def test_a_command_under_way_is_not_run_beside_itself(
    env: Environment, client: httpx.AsyncClient, lead_id: str, clock: ManualClock, seconds: int, status: int
) -> None:
    headers = {"idempotency-key": "k"}
    await client.post("/v1/deals", json={"lead": lead_id}, headers=headers)
    with env.database.write() as session:  # as a server leaves it that dies before the answer
        row = session.exec(select(CommandAnswer)).one()
        row.status = row.body = None
        session.add(row)
    clock.advance(seconds=seconds)
    assert (await client.post("/v1/deals", json={"lead": lead_id}, headers=headers)).status_code == status


async def test_keys_belong_to_their_caller_and_end_after_a_day(
    env: Environment, client: httpx.AsyncClient, lead_id: str, clock: ManualClock
) -> None:
    with env.database.write() as session:
        secrets = [
            create_key(session, env, name, [Scope.SALES], env.clock.now()).secret for name in ("a", "b")
        ]
    for secret in secrets:
        headers = {"idempotency-key": "k", "authorization": f"Bearer {secret}"}
        assert (await client.post("/v1/deals", json={"lead": lead_id}, headers=headers)).status_code == 201
    assert deals(env) == 2
    clock.instant += timedelta(days=1, seconds=1)
    await client.post("/v1/deals", json={"lead": lead_id}, headers=headers)
    assert deals(env) == 3
    with env.database.read() as session:
        assert len(session.exec(select(CommandAnswer)).all()) == 1


async def test_wrong_keys_are_refused(client: httpx.AsyncClient, lead_id: str) -> None:
    for key in ("", "x" * 101, "a\x01"):
        headers = {"idempotency-key": key}
        reply = await client.post("/v1/deals", json={"lead": lead_id}, headers=headers)
        assert reply.status_code == 400


async def test_x5_erasing_somebody_empties_the_stored_answers(
    env: Environment, client: httpx.AsyncClient, lead_id: str
) -> None:
    headers, body = {"idempotency-key": "k"}, {"lead": lead_id, "amount": 1}
    assert lead_id in (await client.post("/v1/deals", json=body, headers=headers)).text
    erase_lead(env, lead_id, "tests")
    with env.database.read() as session:
        row = session.exec(select(CommandAnswer)).one()
    assert (row.status, row.body) == (201, None)
    again = await client.post("/v1/deals", json=body, headers=headers)
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, {}, "true")
    assert deals(env) == 1


async def test_x5_an_answer_that_comes_after_an_erasure_is_not_stored(
    env: Environment, client: httpx.AsyncClient, lead_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Idempotency._end

    def end(self: Idempotency, *arguments: Any) -> None:
        erase_lead(env, lead_id, "tests")  # between the command's commit and its answer
        real(self, *arguments)

    monkeypatch.setattr(Idempotency, "_end", end)
    reply = await client.post("/v1/deals", json={"lead": lead_id}, headers={"idempotency-key": "k"})
    assert reply.status_code == 201
    with env.database.read() as session:
        row = session.exec(select(CommandAnswer)).one()
    assert (row.status, row.body) == (201, None)
