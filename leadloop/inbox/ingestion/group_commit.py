"""Group commit: what is reported at the same time is stored in one transaction, with back-pressure.

Events of the API need no locks and are stored by a few statements for all of them. What people do in mails
and forms is stored one by one, because it locks their leads, in transactions of its own: no batch of the API
waits for a lead that a journey holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlmodel import Session

from leadloop.inbox.ingestion.backlog import Backlog, BusyError
from leadloop.inbox.ingestion.event_rules import EventRules, rules_of
from leadloop.inbox.ingestion.grouping import Groups
from leadloop.inbox.ingestion.incoming import IncomingEvent, IngestResult
from leadloop.inbox.ingestion.item_checks import prepare
from leadloop.inbox.ingestion.storing import store
from leadloop.leads.visitors import identify_visitor
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EventKey, Lead

__all__ = ["BusyError", "GroupCommit", "RequestKey"]

QUEUE_LIMIT = 10_000
"""Events that may wait for a commit."""
GROUP_LIMIT = 2_000
"""Events that one transaction stores; a larger request has one to itself."""
WORK_LIMIT = 200
"""Clicks and forms that one transaction stores: each holds the locks of those before it."""
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class RequestKey:
    """Names a whole request, so that a repeat of it is known: who sent it, its id, a hash of it."""

    caller: str
    request_id: str
    request_hmac: str


@dataclass(frozen=True)
class _Batch:
    items: Sequence[IncomingEvent]
    key: RequestKey | None


@dataclass(frozen=True)
class _Work:
    locks: str
    do: Callable[[Session], Any]


class GroupCommit:
    """Stores what many requests report, together.

    `inbox_limit` is how many events may wait for the applier before new ones are turned away.
    """

    def __init__(
        self,
        env: Environment,
        *,
        inbox_limit: int,
        queue_limit: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        queue_limit = QUEUE_LIMIT if queue_limit is None else queue_limit
        self._env = env
        self._backlog = Backlog(env, inbox_limit, monotonic)
        # PostgreSQL stores one group while the next one is prepared; SQLite has one writer.
        self._batches: Groups[_Batch, list[IngestResult]] = Groups(
            "ingest",
            self._store_batches,
            queue_limit=queue_limit,
            group_limit=GROUP_LIMIT,
            threads=1 if env.database.is_sqlite else 2,
        )
        self._works: Groups[_Work, Any] = Groups(
            "ingest-works", self._do_works, queue_limit=queue_limit, group_limit=WORK_LIMIT
        )

    def submit(
        self, items: Sequence[IncomingEvent], key: RequestKey | None = None
    ) -> Future[list[IngestResult]]:
        """Queue the items of one request; the future is done after their commit.

        Raises `BusyError`. The future fails with the database's error where nothing was stored.
        """
        self._backlog.check()
        batch = _Batch(items, key)
        browser = next((item.visitor for item in items if item.visitor is not None), None)
        if browser is not None:  # locks browsers and leads, as a form does
            work = _Work(browser, partial(self._store_with_visitors, batch))
            return self._works.submit(work, len(items))
        return self._batches.submit(batch, len(items))

    def run(
        self, work: Callable[[Session], _Result], locks: str, *, may_wait_behind: bool = False
    ) -> _Result:
        """Have work done in a transaction with that of others; return what it returns, after the commit.

        `locks` names the row that the work locks first (a lead's or visitor's id): works are done in
        this order, so that two transactions do not wait for each other in a circle. A lost race or a
        deadlock has the work done again, in another transaction. `may_wait_behind` lets it in although
        the applier is far behind, for what cannot be sent again.

        Raises `BusyError`, the database's errors, and what the work raises.
        """
        if not may_wait_behind:
            self._backlog.check()
        result: _Result = self._works.submit(_Work(locks, work), 1).result()
        return result

    def _store_batches(self, group: Sequence[_Batch]) -> list[list[IngestResult]]:
        env = self._env
        with env.database.write() as session:
            rules = rules_of(env.publications.current(session))
            if any(request.key for request in group):
                return [self._store_one(session, rules, request) for request in group]
            everything = [item for request in group for item in request.items]
            stored = iter(store(session, env, prepare(env, rules, everything)))
            return [[next(stored) for _ in request.items] for request in group]

    def _store_one(self, session: Session, rules: EventRules, request: _Batch) -> list[IngestResult]:
        """Store one request of a group in which requests have keys."""
        if request.key is not None and _is_another(session, request.key):
            text = "this id came with another request"
            return [IngestResult("conflict", field="id", problem=text) for _ in request.items]
        return store(session, self._env, prepare(self._env, rules, request.items))

    def _store_with_visitors(self, batch: _Batch, session: Session) -> list[IngestResult]:
        """Store one request, and say who the browsers are that its items name."""
        env = self._env
        results = self._store_one(session, rules_of(env.publications.current(session)), batch)
        told = [
            (item.visitor, result.lead_id)
            for item, result in zip(batch.items, results, strict=True)
            if item.visitor is not None and result.status == "accepted"
        ]
        for browser, lead_id in sorted(told, key=lambda one: one[0]):  # in a fixed order, as all locks
            identify_visitor(session, env, browser, session.get_one(Lead, lead_id), env.clock.now())
        return results

    def _do_works(self, group: Sequence[_Work]) -> list[Any]:
        results: dict[int, Any] = {}
        with self._env.database.write() as session:
            for place in sorted(range(len(group)), key=lambda place: group[place].locks):
                results[place] = group[place].do(session)
                session.flush()
        return [results[place] for place in range(len(group))]


def _is_another(session: Session, key: RequestKey) -> bool:
    """Return whether the id stands for another request; note it where it is new."""
    source = f"request:{key.caller}"
    known = session.get(EventKey, (source, key.request_id))
    if known is None:
        named = new_id()  # of no event: it says how old the key is, for pruning
        session.add(
            EventKey(source=source, external_id=key.request_id, body_hmac=key.request_hmac, event_id=named)
        )
        session.flush()
        return False
    return known.body_hmac != key.request_hmac
