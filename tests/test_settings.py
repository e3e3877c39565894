"""Addresses of webhooks come from the environment and are checked there."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy.exc import ArgumentError
from temporalio.common import VersioningBehavior

from leadloop.cli.failures import explain
from leadloop.settings import Endpoint, Settings
from leadloop.storage.database import Database
from worker import deployment


def test_webhooks_are_read_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLOOP_WEBHOOKS", '{"crm": {"url": "https://crm.example/h", "secret": "s"}}')
    monkeypatch.setenv("LEADLOOP_SLACK", '{"url": "https://chat.example/T/B/key"}')
    settings = Settings()
    assert settings.webhooks["crm"].url.get_secret_value() == "https://crm.example/h"
    assert settings.slack is not None
    assert "chat.example" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "example"), [("LEADLOOP_SITES", "https://www.acme.example"), ("LEADLOOP_WEBHOOKS", '{"crm"')]
)
def test_setting_that_is_no_json_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, example: str
) -> None:
    monkeypatch.setenv(name, "www.secret.example")
    with pytest.raises(SettingsError) as failed:
        Settings()
    told = explain(failed.value)
    assert told is not None
    assert told.startswith(f"{name} is no JSON")
    assert example in told
    assert "secret" not in told


@pytest.mark.parametrize("url", ["mysql://x@127.0.0.1/x", "postgres://x@127.0.0.1/x", "leadloop.db"])
def test_another_kind_of_database_is_refused_with_an_example(url: str) -> None:
    with pytest.raises((ModuleNotFoundError, ArgumentError)) as failed:
        Database(url)
    told = explain(failed.value)
    assert told is not None
    assert "LEADLOOP_DATABASE_URL" in told
    assert "postgresql://" in told


def test_missing_module_of_our_own_is_a_defect() -> None:
    assert explain(ModuleNotFoundError("No module named 'x'", name="x")) is None


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/h", "http://localhost/h", "http://[::1]:9/h", "https://crm.example/h"]
)
def test_endpoint_may_be_here_or_secure(url: str) -> None:
    assert Endpoint(url=url).url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "http://kaisha.example/key",
        "http://10.0.0.1/key",
        "ftp://kaisha.example/key",
        "kaisha.example/key",
        "https://",
    ],
)
def test_endpoint_elsewhere_is_https(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLOOP_SLACK", f'{{"url": "{url}"}}')
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "url" in str(refused.value)
    assert "/key" not in str(refused.value)


def test_worker_version_needs_both_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_DEPLOYMENT_NAME", "leadloop-acme")
    with pytest.raises(
        ValidationError, match="set both TEMPORAL_DEPLOYMENT_NAME and TEMPORAL_WORKER_BUILD_ID"
    ):
        Settings()
    monkeypatch.setenv("TEMPORAL_WORKER_BUILD_ID", "0.2.0")
    versions = deployment(Settings())
    assert versions is not None
    assert versions.version.to_canonical_string() == "leadloop-acme.0.2.0"
    assert versions.default_versioning_behavior == VersioningBehavior.AUTO_UPGRADE


def test_worker_version_is_off_without_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_DEPLOYMENT_NAME", "")
    assert deployment(Settings()) is None


@pytest.mark.parametrize("name", ["a.b", "a:b", "__a"])
def test_deployment_name_that_temporal_refuses_is_refused_here(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_DEPLOYMENT_NAME", name)
    monkeypatch.setenv("TEMPORAL_WORKER_BUILD_ID", "1")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert explain(refused.value) is not None
    assert str(explain(refused.value)).startswith("TEMPORAL_DEPLOYMENT_NAME: ")
