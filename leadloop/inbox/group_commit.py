"""Group commit: requests that come at the same time are stored in one transaction.

A commit waits for the disk; how many events it carries hardly matters. One thread takes whatever
waits, stores it, and tells everybody after the commit. The queue is bounded, and closed while the
applier is far behind: whoever comes then is told to come again, before anything is accepted.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import structlog
from sqlalchemy import func
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlmodel import Session, col, select

from leadloop.inbox.event_rules import EventRules, rules_of
from leadloop.inbox.ingest import IncomingEvent, IngestResult, prepare, store
from leadloop.storage.database import StorageError
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, EventKey

QUEUE_LIMIT = 10_000
"""Events that may wait for a commit."""
GROUP_LIMIT = 2_000
"""Events that one transaction stores; a larger request has one to itself."""

_IDLE_SECONDS = 2.0
_LOOK_SECONDS = 2.0
_TRIES = 3
_ROLLED_BACK = frozenset({"40001", "40P01"})
"""SQLSTATE of a serialization failure and of a deadlock: nothing was committed, for sure."""
_log = structlog.get_logger()


class BusyError(Exception):
    """There is no room now; nothing was accepted. `retry_after` is in seconds."""

    def __init__(self, retry_after: int, reason: str) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True)
class RequestKey:
    """Names a whole request, so that a repeat of it is known: who sent it, its id, a hash of it."""

    caller: str
    request_id: str
    request_hmac: str


@dataclass
class _Request:
    items: Sequence[IncomingEvent]
    key: RequestKey | None
    done: Future[list[IngestResult]]


class GroupCommit:
    """Stores events of many requests together. Its thread runs while there is something to do.

    `inbox_limit` is how many events may wait for the applier before new ones are turned away.
    """

    def __init__(
        self,
        env: Environment,
        *,
        inbox_limit: int,
        queue_limit: int = QUEUE_LIMIT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._env = env
        self._inbox_limit = inbox_limit
        self._queue_limit = queue_limit
        self._monotonic = monotonic
        self._waiting: deque[_Request] = deque()
        self._events = 0
        self._changed = threading.Condition(threading.RLock())
        self._thread: threading.Thread | None = None
        self._looked_at = float("-inf")
        self._behind = False

    def submit(
        self, items: Sequence[IncomingEvent], key: RequestKey | None = None
    ) -> Future[list[IngestResult]]:
        """Queue the items of one request; the future is done after their commit.

        Raises `BusyError`. The future fails with the database's error where nothing was stored.
        """
        request = _Request(items, key, Future())
        with self._changed:
            if self._behind:
                if self._monotonic() - self._looked_at >= _LOOK_SECONDS:
                    self._wake()
                raise BusyError(5, "the inbox is full; events are applied more slowly than they come")
            if self._events and self._events + len(items) > self._queue_limit:
                raise BusyError(1, "too many events wait to be stored")
            self._waiting.append(request)
            self._events += len(items)
            self._wake()
        return request.done

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._is_due():
                    self._changed.wait(_IDLE_SECONDS)
                if not self._waiting and not self._is_due():
                    self._thread = None
                    return
                group = self._take()
            self._look_at_inbox()
            # A request whose sender has gone was promised nothing.
            self._store([one for one in group if one.done.set_running_or_notify_cancel()])

    def _take(self) -> list[_Request]:
        group: list[_Request] = []
        size = 0
        while self._waiting and (not group or size + len(self._waiting[0].items) <= GROUP_LIMIT):
            group.append(self._waiting.popleft())
            size += len(group[-1].items)
        self._events -= size
        return group

    def _store(self, group: list[_Request]) -> None:
        """Store a group; where that fails for good, each request by itself."""
        if not group:
            return
        try:
            results = self._commit(group)
        except Exception as error:  # it belongs to whoever waits
            if len(group) == 1:
                group[0].done.set_exception(error)
                return
            _log.warning("group_commit_failed", error=type(error).__name__, requests=len(group))
            for request in group:
                self._store([request])
            return
        for request, result in zip(group, results, strict=True):
            request.done.set_result(result)

    def _commit(self, group: list[_Request]) -> list[list[IngestResult]]:
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                return self._commit_once(group)
            except DBAPIError as error:
                if last or not _was_rolled_back(error):
                    raise
        raise AssertionError("unreachable")

    def _commit_once(self, group: list[_Request]) -> list[list[IngestResult]]:
        env = self._env
        with env.database.write() as session:
            rules = rules_of(env.publications.current(session))
            if any(request.key for request in group):
                return [self._store_one(session, rules, request) for request in group]
            everything = [item for request in group for item in request.items]
            stored = iter(store(session, env, prepare(env, rules, everything)))
            return [[next(stored) for _ in request.items] for request in group]

    def _store_one(self, session: Session, rules: EventRules, request: _Request) -> list[IngestResult]:
        """Store one request of a group in which requests have keys."""
        if request.key is not None and _is_another(session, request.key):
            text = "this id came with another request"
            return [IngestResult("conflict", field="id", problem=text) for _ in request.items]
        return store(session, self._env, prepare(self._env, rules, request.items))

    def _is_due(self) -> bool:
        return self._behind and self._monotonic() - self._looked_at >= _LOOK_SECONDS

    def _look_at_inbox(self) -> None:
        """See now and then how far the applier is behind."""
        if self._monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        some = select(Event.id).where(col(Event.applied_at).is_(None)).limit(self._inbox_limit)
        try:
            with self._env.database.read() as session:
                pending = session.exec(select(func.count()).select_from(some.subquery())).one()
        except (SQLAlchemyError, StorageError):
            pending = 0  # whoever stores next finds out
        behind = pending >= self._inbox_limit
        if behind != self._behind:
            _log.warning("inbox_full" if behind else "inbox_has_room_again", limit=self._inbox_limit)
        with self._changed:
            self._behind, self._looked_at = behind, self._monotonic()


def _is_another(session: Session, key: RequestKey) -> bool:
    """Return whether the id stands for another request; note it where it is new."""
    source = f"request:{key.caller}"
    known = session.get(EventKey, (source, key.request_id))
    if known is None:
        session.add(
            EventKey(source=source, external_id=key.request_id, body_hmac=key.request_hmac, event_id="")
        )
        session.flush()
        return False
    return known.body_hmac != key.request_hmac


def _was_rolled_back(error: DBAPIError) -> bool:
    """Return whether the transaction is gone for sure, and trying it again may help."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in _ROLLED_BACK
