"""Links to Temporal's Web UI: from the settings, else of the stack on this folder."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.cli.temporal_service import temporal_ui
from leadloop.contracts import journey_page
from leadloop.delivery.tokens import Tokens
from leadloop.inbox.applier import apply_once
from leadloop.settings import Settings
from leadloop.storage.environment import Environment
from leadloop.web.app import create_app
from tests.inbox.driver import journeys, report


def test_ui_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEADLOOP_TEMPORAL_UI", "https://temporal.example/")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "crm")
    found = temporal_ui(Settings(state=tmp_path))
    assert found == ("https://temporal.example/", "crm")
    assert journey_page(*found, "01a2") == "https://temporal.example/namespaces/crm/workflows/journey-01a2"


def test_ui_is_that_of_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    assert temporal_ui(Settings(state=tmp_path)) is None
    (tmp_path / "ports.json").write_text(json.dumps({"temporal_ui": 8233}))
    assert temporal_ui(Settings(state=tmp_path)) == ("http://127.0.0.1:8233", "default")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
    assert temporal_ui(Settings(state=tmp_path)) is None  # another service: its UI is not known


async def test_lead_page_why_and_status_link_to_temporal(
    env: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report(env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"})
    apply_once(env)
    (journey,) = journeys(env)
    page = journey_page("https://temporal.example", "crm", journey.id)
    web = create_app(
        env, tokens=Tokens(env.keys), public_url="http://testserver",
        temporal_ui="https://temporal.example", temporal_namespace="crm",
    )  # fmt: skip
    transport = httpx.ASGITransport(app=web)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        assert page in (await client.get(f"/leads/{journey.lead_id}")).text
    monkeypatch.setenv("LEADLOOP_TEMPORAL_UI", "https://temporal.example")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "crm")
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", env.database.url)
    monkeypatch.setenv("LEADLOOP_STATE", str(tmp_path))
    why = CliRunner().invoke(app, ["why", journey.lead_id])
    assert f"in Temporal: {page}" in why.output
    status = CliRunner().invoke(app, ["status", "--json"])
    assert json.loads(status.output)["temporal_ui"] == "https://temporal.example"
