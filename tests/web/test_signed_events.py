"""Signed requests (fault E6), `Idempotency-Key` on events."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
from sqlmodel import select

from leadloop.delivery.signing import is_signed_by, signed_headers
from leadloop.inbox.pruning.pruner import prune
from leadloop.inbox.pruning.retention import Retention
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event
from leadloop.web.api_keys import NewKey, Scope, create_key, revoke_key

EVENT = {"type": "page_viewed", "email": "a@example.jp", "properties": {"path": "/"}}
BATCH = [EVENT, EVENT | {"email": "b@example.jp"}]


@pytest.fixture
def key(env: Environment) -> NewKey:
    with env.database.write() as session:
        create_key(session, env, "other", [], env.clock.now(), signing=True)
        return create_key(session, env, "crm", [], env.clock.now(), signing=True)


class Sender:
    """Signs a body as it is sent, at an age in seconds."""

    def __init__(self, client: httpx.AsyncClient, secret: str) -> None:
        self._client = client
        self.secret = secret

    async def post(
        self, body: Any, request_id: str = "msg_1", age: float = 0, **changed: str
    ) -> httpx.Response:
        content = json.dumps(body).encode()
        headers = signed_headers(request_id, int(time.time() - age), content, self.secret) | {
            name.replace("_", "-"): value for name, value in changed.items()
        }
        return await self._client.post("/v1/events", content=content, headers=headers)


@pytest.fixture
def sender(client: httpx.AsyncClient, key: NewKey) -> Sender:
    return Sender(client, key.secret)


def stored(env: Environment) -> list[Event]:
    with env.database.read() as session:
        return list(session.exec(select(Event)).all())


async def test_signed_event_needs_no_key(env: Environment, sender: Sender) -> None:
    reply = await sender.post(EVENT)
    assert (reply.status_code, reply.json()["status"]) == (202, "accepted")
    assert len(stored(env)) == 1


async def test_e6_replay_after_six_minutes_is_refused(env: Environment, sender: Sender) -> None:
    assert (await sender.post(EVENT, age=360)).status_code == 401
    assert (await sender.post(EVENT, age=-360)).status_code == 401
    assert stored(env) == []


@pytest.mark.parametrize("body", [EVENT, BATCH])
async def test_e6_same_id_within_five_minutes_is_a_duplicate(
    env: Environment, sender: Sender, body: Any
) -> None:
    first = await sender.post(body, age=240)
    again = await sender.post(body)  # signed anew, as senders do when they try again
    assert (first.status_code, again.status_code) == (202, 202)
    items = again.json()["items"] if isinstance(body, list) else [again.json()]
    assert all(one["duplicate"] for one in items)
    assert len(stored(env)) == len(items)


@pytest.mark.parametrize("body", [EVENT, BATCH])
async def test_e6_id_reused_with_another_body_is_a_conflict(
    env: Environment, sender: Sender, body: Any
) -> None:
    await sender.post(body)
    before = len(stored(env))
    other = [EVENT | {"email": "c@example.jp"}, *BATCH] if isinstance(body, list) else EVENT | {"id": "x"}
    assert (await sender.post(other)).status_code == 409
    assert len(stored(env)) == before


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook_signature": "v1,AAAA"},
        {"webhook_signature": ""},
        {"webhook_signature": "v1a,x v2,y é"},
        {"webhook_id": "msg_2"},
        {"webhook_id": ""},
        {"webhook_id": "x" * 101},
        {"webhook_timestamp": "1"},
        {"webhook_timestamp": "now"},
        {"webhook_timestamp": "１７００００００００"},
        {"webhook_timestamp": "9" * 400},
        {"content_encoding": "gzip", "webhook_signature": "v1,AAAA"},
    ],
)
async def test_what_is_not_signed_right_is_refused(
    env: Environment, sender: Sender, changed: dict[str, str]
) -> None:
    encoded = {name: value.encode() for name, value in changed.items()}
    assert (await sender.post(EVENT, **encoded)).status_code == 401  # type: ignore[arg-type]
    assert stored(env) == []


async def test_revoked_secret_signs_no_more(env: Environment, sender: Sender, key: NewKey) -> None:
    with env.database.write() as session:
        revoke_key(session, key.row.id, env.clock.now())
    assert (await sender.post(EVENT)).status_code == 401


async def test_signature_opens_nothing_else(env: Environment, client: httpx.AsyncClient, key: NewKey) -> None:
    headers = signed_headers("m", int(time.time()), b"", key.secret)
    assert (await client.get("/v1/leads", headers=headers)).status_code == 401
    assert (await client.post("/v1/deals", headers=headers)).status_code == 401
    bearer = {"authorization": f"Bearer {key.secret}"}
    assert (await client.post("/v1/events", json=EVENT, headers=bearer)).status_code == 401


async def test_a2_wrong_signatures_in_numbers_are_throttled_and_good_ones_are_not(
    env: Environment, sender: Sender
) -> None:
    good = sender.secret
    sender.secret = "whsec_" + "A" * 32
    replies = await asyncio.gather(*(sender.post(EVENT, f"msg_{number}") for number in range(300)))
    throttled = [one for one in replies if one.status_code == 429]
    assert {one.status_code for one in replies} == {401, 429}
    assert len(throttled) > 200
    assert all(one.headers["retry-after"] == "1" for one in throttled)
    sender.secret = good
    assert (await sender.post(EVENT)).status_code == 202
    assert len(stored(env)) == 1


async def test_one_of_several_signatures_is_enough(sender: Sender) -> None:
    content = json.dumps(EVENT).encode()
    good = signed_headers("msg_1", int(time.time()), content, sender.secret)["webhook-signature"]
    assert (await sender.post(EVENT, webhook_signature=f"v1,AAAA {good}")).status_code == 202


def test_signature_is_that_of_the_standard() -> None:
    """The example of the specification of Standard Webhooks."""
    assert is_signed_by(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        b'{"test": 2432232314}',
    )


async def test_key_of_a_request_is_known_after_pruning(env: Environment, sender: Sender) -> None:
    assert (await sender.post(EVENT | {"id": "one"})).status_code == 202
    rows = [step.rows for step in prune(env, Retention(event_keys=1))]
    assert sum(rows) == 0
    assert (await sender.post(EVENT | {"id": "two"})).status_code == 409
    assert len(stored(env)) == 1


async def test_idempotency_key_names_a_whole_batch(env: Environment, client: httpx.AsyncClient) -> None:
    with env.database.write() as session:
        one, other = (create_key(session, env, name, [Scope.INGEST], env.clock.now()).secret for name in "ab")

    async def post(body: Any, secret: str, idempotency_key: str = "k") -> httpx.Response:
        headers = {"authorization": f"Bearer {secret}", "idempotency-key": idempotency_key}
        return await client.post("/v1/events", json=body, headers=headers)

    assert (await post(BATCH, one)).status_code == 202
    again = await post(BATCH, one)
    assert [item["duplicate"] for item in again.json()["items"]] == [True, True]
    assert (await post([EVENT], one)).status_code == 409
    assert (await post([EVENT], other)).json()["items"][0]["status"] == "accepted"
    assert (await post([EVENT], other, "x" * 101)).status_code == 400
    assert len(stored(env)) == 3
