"""A lock that serves its waiters in the order they came.

`threading.Lock` lets the thread that just released it take it again at once, so a busy applier
would starve the web server's writers.
"""

from __future__ import annotations

import threading
from collections import deque


class LockTimeoutError(Exception):
    """The lock was not free for so long."""


class FairLock:
    """First come, first served. Not re-entrant: a nested write would wait for itself for ever.

    Used as a context manager; entering raises `LockTimeoutError` after `seconds`.
    """

    def __init__(self, seconds: float = -1) -> None:
        self._seconds = seconds
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._held_by: int | None = None

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._mutex:
            if self._held_by is None:
                self._held_by = me
                return
            if self._held_by == me:
                raise RuntimeError("a write transaction was opened inside another one")
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        # Released by the holder before us, who leaves the lock to this thread.
        if not turn.acquire(timeout=self._seconds) and self._gives_up(turn):
            raise LockTimeoutError
        self._held_by = me

    def _gives_up(self, turn: threading.Lock) -> bool:
        """Leave the queue; return False where the lock came to this thread in the last moment."""
        with self._mutex:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return True
        return False

    def __exit__(self, *_: object) -> None:
        with self._mutex:
            if self._waiting:
                self._held_by = -1  # still held: by the next thread, which is about to say so
                self._waiting.popleft().release()
            else:
                self._held_by = None
