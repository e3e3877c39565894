"""Knowing when the next piece of work is due without asking the database at every look."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from leadloop.storage.environment import Environment

_AGAIN_SECONDS = 0.25
"""How long an answer holds without news: other processes write too."""


class Watch:
    """Keeps the earliest instant of one kind of work; reads it again when its topic has news."""

    def __init__(self, env: Environment, topic: str, earliest: Callable[[], datetime | None]) -> None:
        self._env = env
        self._topic = topic
        self._earliest = earliest
        self._seen = -1
        self._read_at = 0.0
        self._next: datetime | None = None

    def is_due(self) -> bool:
        """Return whether the earliest instant has come."""
        news = self._env.database.news(self._topic)
        present = time.monotonic()
        if news != self._seen or present - self._read_at > _AGAIN_SECONDS:
            self._seen, self._read_at = news, present
            self._next = self._earliest()
        return self._next is not None and self._next <= self._env.clock.now()
