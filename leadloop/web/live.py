"""What is published now, for routes that must not wait for the database."""

from __future__ import annotations

import time

from starlette.concurrency import run_in_threadpool

from leadloop.storage.environment import Environment
from leadloop.storage.publications import StoredPublication

_KNOWN_SECONDS = 1.0


class LivePublication:
    """The current publication, looked up again when it was known for a second."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._known: StoredPublication | None = None
        self._read_at = 0.0

    async def current(self) -> StoredPublication:
        """Return what is live, at most a second old. Raises `NotPublishedError`."""
        if self._known is None or time.monotonic() - self._read_at >= _KNOWN_SECONDS:
            self._known = await run_in_threadpool(self._env.publications.current)
            self._read_at = time.monotonic()
        return self._known
