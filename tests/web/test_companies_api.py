"""`PUT /v1/companies/{key}` and reading one back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from tests.factories import ManualClock
from tests.inbox.entry_worlds import world

BODY = {"owner": "sato@acme.example", "stage": "商談中", "timezone": "Asia/Tokyo"}


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    opened = world(tmp_path, clock)
    yield opened
    opened.database.close()


async def test_company_is_created_changed_and_left_alone(client: httpx.AsyncClient) -> None:
    bodies: list[dict[str, str | None]] = [{**BODY}, {**BODY}, {"stage": None}]
    replies = [await client.put("/v1/companies/株式会社アクメ", json=body) for body in bodies]
    assert [reply.status_code for reply in replies] == [201, 200, 200]
    assert [reply.json()["status"] for reply in replies] == ["created", "unchanged", "changed"]
    assert replies[2].json()["changed"] == ["stage"]
    read = (await client.get("/v1/companies/㈱アクメ")).json()
    assert read == (await client.get(f"/v1/companies/{read['id']}")).json()
    assert (read["name"], read["owner"], read["stage"]) == ("株式会社アクメ", "sato@acme.example", None)
    assert "name_key" not in read


async def test_company_that_does_not_fit_is_refused_with_every_problem(client: httpx.AsyncClient) -> None:
    reply = await client.put("/v1/companies/アクメ", json={"owner": "sato", "timezone": "Asia/Tokio"})
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert [one["field"] for one in reply.json()["errors"]] == ["owner", "timezone"]
    assert (await client.get("/v1/companies/アクメ")).status_code == 404


async def test_unknown_setting_and_unknown_id_are_refused(client: httpx.AsyncClient) -> None:
    assert (await client.put("/v1/companies/アクメ", json={"owned_by": "sato"})).status_code == 422
    assert (await client.put(f"/v1/companies/{new_id()}", json=BODY)).status_code == 404
