"""`leadloop lead merge`, and the same over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from sqlmodel import select
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.delivery.tokens import Tokens
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead, Operation
from leadloop.web.api_keys import Scope, create_key
from leadloop.web.app import create_app
from tests.factories import SECRET, make_lead

KEPT, OTHER = "a@kaisha.example", "b@kaisha.example"


@pytest.fixture
def leads(env: Environment) -> tuple[str, str]:
    with env.database.write() as session:
        return tuple(make_lead(session, env, email=email).id for email in (KEPT, OTHER))  # type: ignore[return-value]


@pytest.fixture
def _settings(tmp_path: Path, env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLOOP_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", env.database.url)
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())


def merged_into(env: Environment, lead_id: str) -> str | None:
    with env.database.read() as session:
        return session.get_one(Lead, lead_id).merged_into


@pytest.mark.usefixtures("_settings")
def test_lead_merge_asks_first_and_tells_what_happens(env: Environment, leads: tuple[str, str]) -> None:
    kept, other = leads
    run = CliRunner().invoke
    dry = run(app, ["lead", "merge", KEPT, OTHER, "--dry-run", "--json"])
    assert dry.exit_code == 0, dry.output
    assert json.loads(dry.stdout)["merged"] == other
    refused = run(app, ["lead", "merge", KEPT, OTHER], input="n\n")
    assert refused.exit_code == 1
    assert "journeys that end: none" in refused.output
    assert merged_into(env, other) is None
    done = run(app, ["lead", "merge", KEPT, OTHER, "--yes", "--by", "佐藤", "--reason", "同じ人"])
    assert done.exit_code == 0, done.output
    assert f"lead {other} is now lead {kept}" in done.output
    assert merged_into(env, other) == kept
    with env.database.read() as session:
        row = session.exec(select(Operation)).one()
    assert (row.action, row.by, row.reason) == ("merge", "佐藤", "同じ人")
    again = run(app, ["lead", "merge", KEPT, OTHER, "--yes"])  # both addresses name the same lead now
    assert again.exit_code == 1
    assert "with itself" in again.output


async def test_merge_over_http(env: Environment, leads: tuple[str, str]) -> None:
    kept, other = leads
    web = create_app(env, tokens=Tokens(env.keys), public_url="http://127.0.0.1")
    with env.database.write() as session:
        keys = {
            scope: create_key(session, env, scope, [scope], env.clock.now()).secret
            for scope in (Scope.SALES, Scope.ADMIN)
        }
    transport = httpx.ASGITransport(app=web)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:

        async def post(lead_id: str, scope: Scope = Scope.ADMIN, **query: str) -> httpx.Response:
            return await client.post(
                f"/v1/leads/{lead_id}/merge",
                json={"other": other},
                params=query,
                headers={"authorization": f"Bearer {keys[scope]}"},
            )

        assert (await post(kept, Scope.SALES)).status_code == 403
        dry = await post(kept, dry_run="true")
        assert (dry.status_code, dry.json()["dry_run"], dry.json()["kept"]) == (200, True, kept)
        assert merged_into(env, other) is None
        assert (await post("nobody")).status_code == 404
        assert (await post(other)).status_code == 422
        assert (await post(kept)).json()["merged"] == other
        assert merged_into(env, other) == kept
        again = await post(kept)
        assert again.status_code == 422
        assert "merged into" in again.json()["detail"]
