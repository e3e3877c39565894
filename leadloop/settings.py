"""Settings from the environment (`LEADLOOP_*`). The only module that reads it.

How to reach Temporal comes from Temporal's own `temporal.toml` and `TEMPORAL_*`.
"""

from __future__ import annotations

import os
import secrets
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

INBOX_LIMIT = 500_000
_SECRET_BYTES = 32


class Endpoint(BaseModel):
    """Where calls of one webhook go. The address is a secret too: chats put their key into it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr
    """`https://…`; `http` only to this machine."""
    secret: SecretStr | None = None
    """Signs every call (Standard Webhooks): `whsec_` and Base64, or any text."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if not parts.hostname:
            raise ValueError("a webhook's url has a host, for example https://crm.example/hooks")
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
            raise ValueError("a webhook's url begins with https://; http:// goes to this machine only")
        return value


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Settings(BaseSettings):
    """Every setting, with its default. In the environment a name carries the prefix `LEADLOOP_`."""

    model_config = SettingsConfigDict(
        env_prefix="LEADLOOP_", extra="ignore", hide_input_in_errors=True, populate_by_name=True
    )

    workspace: Path = Path()
    """Folder with `scenarios/` and `templates/`."""
    state: Path = Path(".leadloop")
    """Folder of the embedded stack: databases, mailbox, logs, secret."""
    database_url: str | None = None
    """SQLAlchemy address; by default an SQLite file in the state folder."""
    secret: SecretStr | None = None
    """At least 16 characters; by default made once and kept in the state folder."""
    public_url: str | None = None
    """Address under which recipients reach the web server."""
    host: str = "127.0.0.1"
    port: int = 8080
    inbox_limit: int = Field(default=INBOX_LIMIT, ge=1)
    """Events that may wait to be applied; more are turned away with 429."""
    sites: list[str] = []
    """JSON: origins of the web sites that carry the script, for example `["https://www.acme.example"]`."""

    @field_validator("sites")
    @classmethod
    def _check_sites(cls, value: list[str]) -> list[str]:
        for site in value:
            parts = urlsplit(site)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
                raise ValueError(f"`{site}` is no origin; write scheme and host: https://www.acme.example")
        return value

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 1025
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    mails_per_second: PositiveFloat | None = None
    """The most mails per second, over all processes; Temporal's task queue keeps it."""
    calls_per_second: PositiveFloat | None = None
    """The same for outside calls."""
    webhooks: dict[str, Endpoint] = {}
    """JSON: name of a declared webhook -> `{"url": …, "secret": …}`. Calls of others go nowhere."""
    slack: Endpoint | None = None
    """JSON `{"url": …}`: the incoming webhook of the team's chat, for `notify: {to: slack}`."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """The least that is logged, to standard error."""
    retention_events_days: int = Field(default=730, ge=0)
    """Days after which applied events may go that nothing asks for any more; 0 keeps them for ever."""
    retention_scores_days: int = Field(default=730, ge=0)
    """Days after which lines of the score ledger are added up, rule by rule; 0 never."""
    retention_turns_days: int = Field(default=365, ge=0)
    """Days after which a journey's turns may go, but for its last one; 0 keeps them for ever."""
    retention_bodies_days: int = Field(default=365, ge=0)
    """Days after which the texts of finished messages may go; 0 keeps them for ever."""
    retention_event_keys_days: int = Field(default=1095, ge=0)
    """Days for which the same id of an event from outside is a duplicate; 0 for ever."""
    temporal_ui: str | None = None
    """Address of Temporal's Web UI, for links to journeys. `leadloop up` knows its own."""
    metrics_host: str = "127.0.0.1"
    """Where metrics are served; other machines reach them only at another address than this."""
    metrics_port: int | None = None
    """Port of leadloop's own metrics for Prometheus; off by default."""
    metrics_sdk_port: int | None = None
    """Port of the Temporal SDK's metrics; off by default."""
    alerts: Endpoint | None = None
    """JSON `{"url": …, "secret": …}`: where alerts are posted."""
    deployment_name: str | None = Field(default=None, validation_alias="TEMPORAL_DEPLOYMENT_NAME")
    """Name of the Worker Deployment; together with the build id it turns worker versioning on."""
    worker_build_id: str | None = Field(default=None, validation_alias="TEMPORAL_WORKER_BUILD_ID")
    """Names the build that this worker is."""
    fail_at: str | None = None
    """Tests only: a point at which the process dies, for example `after_claim`."""

    @field_validator("deployment_name", "worker_build_id", "temporal_ui", mode="before")
    @classmethod
    def _read_empty_as_unset(cls, value: object) -> object:
        return value or None

    @field_validator("deployment_name")
    @classmethod
    def _check_deployment(cls, value: str | None) -> str | None:
        if value is not None and ("." in value or ":" in value or value.startswith("__")):
            raise ValueError("the name of a deployment has no `.`, no `:` and no `__` in front")
        return value

    @model_validator(mode="after")
    def _check_versioning(self) -> Settings:
        if (self.deployment_name is None) != (self.worker_build_id is None):
            raise ValueError("set both TEMPORAL_DEPLOYMENT_NAME and TEMPORAL_WORKER_BUILD_ID, or neither")
        return self

    def database_address(self) -> str:
        """Return the database's address; makes the state folder where the default is used."""
        if self.database_url:
            return self.database_url
        self.state.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{(self.state / 'leadloop.db').resolve()}"

    def secret_bytes(self) -> bytes:
        """Return the workspace's secret, made on first use with mode 0600."""
        if self.secret is not None:
            return self.secret.get_secret_value().encode()
        path = self.state / "secret"
        if not path.exists():
            self.state.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f"secret.{os.getpid()}")
            new.touch(mode=0o600)
            new.write_text(secrets.token_hex(_SECRET_BYTES))
            try:
                os.link(new, path)  # only one of two processes that start together wins
            except FileExistsError:
                pass
            finally:
                new.unlink()
        return path.read_text().strip().encode()


def temporal_is_configured() -> bool:
    """Return whether the environment names a Temporal service to use."""
    return bool(os.environ.get("TEMPORAL_ADDRESS") or os.environ.get("TEMPORAL_CONFIG_FILE"))
