"""A bounded queue whose threads take whatever waits and have it stored together.

A commit waits for the disk; how much it carries hardly matters. While one group is stored, the next one
gathers.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from leadloop.inbox.ingestion.backlog import BusyError
from leadloop.storage.database import DatabaseAwayError

_IDLE_SECONDS = 2.0
_TRIES = 3
_ROLLED_BACK = frozenset({"40001", "40P01"})
"""SQLSTATE of a serialization failure and of a deadlock: nothing was committed, for sure."""
_AWAY = (OperationalError, InterfaceError, PoolTimeoutError, DatabaseAwayError)
_MOST_ALONE = 2
"""So many requests of a group find out, each alone, that the database is away; the others need not."""
_Request = TypeVar("_Request")
_Answer = TypeVar("_Answer")
_log = structlog.get_logger()


@dataclass
class _Waiting(Generic[_Request, _Answer]):
    request: _Request
    size: int
    done: Future[_Answer]


class Groups(Generic[_Request, _Answer]):
    """Has requests stored in groups by `store`, which answers them in order after its commit.

    Sizes are in events. A group has at most `group_limit` of them, or is one request; `queue_limit` may
    wait. Up to `threads` groups are stored at a time; the threads run while there is something to do.
    """

    def __init__(
        self,
        name: str,
        store: Callable[[Sequence[_Request]], Sequence[_Answer]],
        *,
        queue_limit: int,
        group_limit: int,
        threads: int = 1,
    ) -> None:
        self._name = name
        self._store = store
        self._queue_limit = queue_limit
        self._group_limit = group_limit
        self._most_threads = threads
        self._waiting: deque[_Waiting[_Request, _Answer]] = deque()
        self._size = 0
        self._changed = threading.Condition(threading.RLock())
        self._threads = 0
        self._resting = 0

    def submit(self, request: _Request, size: int) -> Future[_Answer]:
        """Queue a request; the future is done after the commit, or fails where nothing was stored.

        Raises `BusyError` where too much waits already.
        """
        waiting: _Waiting[_Request, _Answer] = _Waiting(request, size, Future())
        with self._changed:
            if self._size and self._size + size > self._queue_limit:
                raise BusyError(1, "too many events wait to be stored")
            self._waiting.append(waiting)
            self._size += size
            if self._resting:
                self._changed.notify()
            elif self._threads < self._most_threads:
                self._threads += 1
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
        return waiting.done

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._resting += 1
                    self._changed.wait(_IDLE_SECONDS)
                    self._resting -= 1
                if not self._waiting:
                    self._threads -= 1
                    return
                group = self._take()
            # A request whose sender has gone was promised nothing.
            self._answer([one for one in group if one.done.set_running_or_notify_cancel()])

    def _take(self) -> list[_Waiting[_Request, _Answer]]:
        group: list[_Waiting[_Request, _Answer]] = []
        size = 0
        while self._waiting and (not group or size + self._waiting[0].size <= self._group_limit):
            group.append(self._waiting.popleft())
            size += group[-1].size
        self._size -= size
        return group

    def _answer(self, group: Sequence[_Waiting[_Request, _Answer]]) -> None:
        """Store a group and tell everybody; where that fails for good, each request by itself."""
        if not group:
            return
        try:
            answers = self._try([one.request for one in group])
        except Exception as error:  # it belongs to whoever waits
            if len(group) == 1:
                group[0].done.set_exception(error)
            else:
                _log.warning("group_commit_failed", error=type(error).__name__, requests=len(group))
                self._answer_each(group)
            return
        for one, answer in zip(group, answers, strict=True):
            one.done.set_result(answer)

    def _answer_each(self, group: Sequence[_Waiting[_Request, _Answer]]) -> None:
        away = 0
        for place, one in enumerate(group):
            self._answer([one])
            error = one.done.exception()
            away = away + 1 if isinstance(error, _AWAY) else 0
            if error is not None and away == _MOST_ALONE:
                for other in group[place + 1 :]:
                    other.done.set_exception(error)
                return

    def _try(self, requests: Sequence[_Request]) -> Sequence[_Answer]:
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                return self._store(requests)
            except DBAPIError as error:
                if last or not _was_rolled_back(error):
                    raise
        raise AssertionError("unreachable")


def _was_rolled_back(error: DBAPIError) -> bool:
    """Return whether the transaction is gone for sure, and trying it again may help."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in _ROLLED_BACK
