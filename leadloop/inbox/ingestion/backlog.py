"""Back-pressure: while the applier is far behind, whoever reports events is told to come again later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy import func
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from leadloop.storage.database import StorageError
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event

RETRY_AFTER_SECONDS = 5
_LOOK_SECONDS = 2.0
_REST = 50.0
"""Counting a long backlog takes time: between two looks is at least so many times what one took."""
_log = structlog.get_logger()


class BusyError(Exception):
    """There is no room now; nothing was accepted. `retry_after` is in seconds."""

    def __init__(self, retry_after: int, reason: str) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Backlog:
    """Counts now and then how many events are not applied yet, on a thread of its own: no commit waits.

    `limit` is how many there may be before new ones are turned away.
    """

    def __init__(self, env: Environment, limit: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._env = env
        self._limit = limit
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._looking = False
        self._next_look = float("-inf")
        self._is_full = False

    def check(self) -> None:
        """Raise `BusyError` while too many events wait to be applied."""
        with self._lock:
            if not self._looking and self._monotonic() >= self._next_look:
                self._looking = True
                threading.Thread(target=self._look, name="backlog", daemon=True).start()
            if self._is_full:
                raise BusyError(
                    RETRY_AFTER_SECONDS, "the inbox is full; events are applied more slowly than they come"
                )

    def _look(self) -> None:
        began = time.monotonic()
        is_full = self._count() >= self._limit
        took = time.monotonic() - began
        if is_full != self._is_full:
            _log.warning("inbox_full" if is_full else "inbox_has_room_again", limit=self._limit)
        with self._lock:
            self._is_full, self._looking = is_full, False
            self._next_look = self._monotonic() + max(_LOOK_SECONDS, took * _REST)

    def _count(self) -> int:
        some = select(Event.id).where(col(Event.applied_at).is_(None)).limit(self._limit)
        try:
            with self._env.database.read() as session:
                return session.exec(select(func.count()).select_from(some.subquery())).one()
        except (SQLAlchemyError, StorageError):
            return 0  # whoever stores next finds out
