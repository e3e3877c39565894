"""The Temporal service that a command talks to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporalio.client import Client

    from leadloop.settings import Settings


async def connect_for(settings: Settings) -> Client:
    """Return a client of the configured service, else of the one that `leadloop up` runs on this folder.

    Raises `ConnectionFailedError`.
    """
    from leadloop.connection import connect
    from leadloop.settings import temporal_is_configured

    ports = settings.state / "ports.json"
    if temporal_is_configured() or not ports.exists():
        return await connect()
    return await connect(f"127.0.0.1:{json.loads(ports.read_text())['temporal']}")
