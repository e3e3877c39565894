"""The pruner: one pass a day over all tables, one small transaction at a time, by one process of many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from leadloop.inbox.pruning.asked import Asked, asked_now
from leadloop.inbox.pruning.batches import Batch
from leadloop.inbox.pruning.events import prune_events
from leadloop.inbox.pruning.keys import prune_keys
from leadloop.inbox.pruning.ledgers import fold_ledgers
from leadloop.inbox.pruning.retention import Retention, horizon
from leadloop.inbox.pruning.turns import prune_bodies, prune_turns
from leadloop.inbox.pruning.visitors import prune_visitors
from leadloop.leads.visitors import KEPT
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Setting

BETWEEN_PASSES = timedelta(days=1)
_WHEN = "pruning"
_log = structlog.get_logger()

Work = Callable[[Session, str], Batch]


@dataclass(frozen=True)
class Pruned:
    """What one transaction removed from one table."""

    table: str
    rows: int


class Pruner:
    """Prunes one workspace when it is time to, batch by batch: call `run_batch` again and again."""

    def __init__(self, env: Environment, retention: Retention) -> None:
        self._env = env
        self._retention = retention
        self._pass: Iterator[Pruned] | None = None
        self._look_at: datetime | None = None
        self._sums: dict[str, int] = {}

    def run_batch(self) -> int:
        """Do one batch of the pass that is under way, or begin one if it is time.

        Always returns 0: whoever calls rests before the next batch, so that others may work.
        """
        now = self._env.clock.now()
        if self._pass is None:
            if self._env.clock.warped or (self._look_at is not None and now < self._look_at):
                return 0
            mine, self._look_at = _begin_pass(self._env, now)
            if not mine:
                return 0
            self._pass, self._sums = prune(self._env, self._retention), {}
        try:
            done = next(self._pass, None)
        except Exception:
            self._pass = None  # the generator is over; the next pass begins anew
            raise
        if done is None:
            self._pass = None
            _log.info("pruned", rows=self._sums)
            return 0
        self._sums[done.table] = self._sums.get(done.table, 0) + done.rows
        return 0


def prune(env: Environment, retention: Retention) -> Iterator[Pruned]:
    """Go through all tables once; each step is one committed transaction of at most some hundred rows.

    A ledger goes before the events its lines come from. Safe to stop anywhere and to run twice.
    """
    with env.database.read() as session:
        asked = asked_now(session, env)
    for table, work in _work(env, retention, asked):
        after, done = "", False
        while not done:
            with env.database.write() as session:
                batch = work(session, after)
            after, done = batch.after, batch.done
            yield Pruned(table, batch.removed)


def _work(env: Environment, retention: Retention, asked: Asked) -> Iterator[tuple[str, Work]]:
    now = env.clock.now()
    scores = _back(horizon(now, retention.scores), now, asked)
    events = _back(horizon(now, retention.events), now, asked)
    if scores is not None:
        yield "score_entry", lambda session, after: fold_ledgers(session, env, scores, after)
    if events is not None:
        yield "event", lambda session, after: prune_events(session, asked, events, after)
        yield "visitor", lambda session, after: prune_visitors(session, now - KEPT, after)
    turns = horizon(now, retention.turns)
    if turns is not None:
        yield "turn", lambda session, after: prune_turns(session, turns, after)
    bodies = horizon(now, retention.bodies)
    if bodies is not None:
        yield "message", lambda session, after: prune_bodies(session, bodies, after)
    keys = horizon(now, retention.event_keys)
    if keys is not None:
        yield "event_key", lambda session, after: prune_keys(session, keys, after)


def _back(before: datetime | None, now: datetime, asked: Asked) -> datetime | None:
    """Put a horizon back so far that whatever counts back from now finds all it counts."""
    return None if before is None else min(before, now - asked.longest)


def _begin_pass(env: Environment, now: datetime) -> tuple[bool, datetime]:
    """Take today's pass, unless another process has; return also when to look again."""
    try:
        with env.database.write() as session:
            row = session.exec(select(Setting).where(col(Setting.key) == _WHEN).with_for_update()).first()
            following = datetime.fromisoformat(row.value["next_at"]) if row is not None else None
            if following is not None and now < following:
                return False, following
            row = row or Setting(key=_WHEN)
            row.value = {"next_at": (now + BETWEEN_PASSES).isoformat()}
            session.add(row)
    except IntegrityError:  # two were the first ever
        return False, now + BETWEEN_PASSES
    return True, now + BETWEEN_PASSES
