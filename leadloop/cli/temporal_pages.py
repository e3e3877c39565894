"""Where Temporal's Web UI is: as the settings say, or that of the folder's own stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from leadloop.cli.environments import settings_for

if TYPE_CHECKING:
    from leadloop.inbox.operations.links import TemporalPages


def temporal_pages(state: Path | None) -> TemporalPages:
    """Return the pages of Temporal's Web UI, without an address where it is not known."""
    from leadloop.inbox.operations.links import TemporalPages
    from leadloop.settings import temporal_is_configured

    settings = settings_for(state)
    if settings.temporal_ui is not None or temporal_is_configured():
        return TemporalPages(settings.temporal_ui, _namespace())
    ports = settings.state / "ports.json"
    if not ports.is_file():
        return TemporalPages()
    port = json.loads(ports.read_text()).get("temporal_ui")
    return TemporalPages(f"http://127.0.0.1:{port}" if port else None)


def _namespace() -> str:
    """Return the namespace that Temporal's own configuration names."""
    from temporalio.envconfig import ClientConfig

    return str(ClientConfig.load_client_connect_config().get("namespace") or "default")
