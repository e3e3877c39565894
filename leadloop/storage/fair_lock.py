"""A lock that serves its waiters in the order they came.

`threading.Lock` lets the thread that just released it take it again at once, so a busy applier
would starve the web server's writers.
"""

from __future__ import annotations

import threading
from collections import deque


class FairLock:
    """First come, first served. Not re-entrant: a nested write would wait for itself for ever."""

    def __init__(self) -> None:
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
        turn.acquire()  # released by the holder before us, who leaves the lock to this thread
        self._held_by = me

    def __exit__(self, *_: object) -> None:
        with self._mutex:
            if self._waiting:
                self._held_by = -1  # still held: by the next thread, which is about to say so
                self._waiting.popleft().release()
            else:
                self._held_by = None
