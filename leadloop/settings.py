"""Settings from the environment (`LEADLOOP_*`). The only module that reads it.

How to reach Temporal comes from Temporal's own `temporal.toml` and `TEMPORAL_*`.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_SECRET_BYTES = 32


class Settings(BaseSettings):
    """Every setting, with its default. In the environment a name carries the prefix `LEADLOOP_`."""

    model_config = SettingsConfigDict(env_prefix="LEADLOOP_", extra="ignore")

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
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 1025
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """The least that is logged, to standard error."""
    fail_at: str | None = None
    """Tests only: a point at which the process dies, for example `after_claim`."""

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
