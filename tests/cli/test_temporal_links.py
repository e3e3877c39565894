"""Links to Temporal's Web UI: from the settings, else of the stack on this folder."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.cli.temporal_pages import temporal_pages
from leadloop.delivery.tokens import Tokens
from leadloop.inbox.applier import apply_once
from leadloop.storage.environment import Environment
from leadloop.web.app import create_app
from tests.inbox.driver import journeys, report


def test_ui_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEADLOOP_TEMPORAL_UI", "https://temporal.example/")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "crm")
    found = temporal_pages(tmp_path).journey("01a2")
    assert found == "https://temporal.example/namespaces/crm/workflows/journey-01a2"


def test_ui_is_that_of_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    assert temporal_pages(tmp_path).journey("01a2") is None
    (tmp_path / "ports.json").write_text(json.dumps({"temporal_ui": 8233}))
    found = temporal_pages(tmp_path).journey("01a2")
    assert found == "http://127.0.0.1:8233/namespaces/default/workflows/journey-01a2"
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
    assert temporal_pages(tmp_path).journey("01a2") is None  # another service: its UI is not known


async def test_lead_page_and_why_link_to_temporal(
    env: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report(env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"})
    apply_once(env)
    (journey,) = journeys(env)
    page = f"https://temporal.example/namespaces/crm/workflows/journey-{journey.id}"
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
