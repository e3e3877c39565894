"""The engine beside a dev server of its own, and the instants at which turns are committed."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import event
from sqlmodel import Session
from temporalio import workflow

from leadloop.contracts import TurnReply, enrolment_id_of
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import SmtpSender
from leadloop.delivery.tokens import Tokens
from leadloop.embedded.processes import free_port
from leadloop.embedded.temporal_server import running_temporal
from leadloop.inbox.turns.taking import TURNS
from leadloop.storage.database import is_announced
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment
from worker import running_engine
from workflows import journey

_NOWHERE = 9
_TAKEN = "bench_turns"


@asynccontextmanager
async def running(env: Environment) -> AsyncIterator[None]:
    """Run a dev server, the workers and the services while the block runs; no mail is sent."""
    with tempfile.TemporaryDirectory() as name, Renderer() as renderer:
        sender = SmtpSender("127.0.0.1", _NOWHERE, security="none")
        outbox = Outbox(env, renderer, sender, Tokens(env.keys), "http://127.0.0.1:8080")
        async with (
            running_temporal(Path(name), free_port(), free_port()) as server,
            running_engine(env, server.client, outbox),
        ):
            yield


class TurnTimes:
    """When each turn of this process was committed, on `time.perf_counter`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.at: dict[tuple[str, int], float] = {}
        """By enrolment and number of the turn."""

    def wait_for(self, count: int, seconds: float) -> bool:
        """Wait until so many turns are committed; False where the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.at) >= count, seconds)

    @contextmanager
    def watched(self) -> Iterator[TurnTimes]:
        """Note the turns while the block runs."""
        event.listen(Session, "before_commit", self._committing)
        event.listen(Session, "after_commit", self._committed)
        try:
            yield self
        finally:
            event.remove(Session, "before_commit", self._committing)
            event.remove(Session, "after_commit", self._committed)

    def _committing(self, session: Session) -> None:
        """Note the heads of the journeys that this transaction holds, where it took a turn."""
        if is_announced(session, TURNS):
            rows = [row for row in session.identity_map.values() if isinstance(row, Enrolment)]
            session.info.setdefault(_TAKEN, []).extend((row.id, row.turn_no) for row in rows)

    def _committed(self, session: Session) -> None:
        taken = session.info.get(_TAKEN)
        if not taken or session.in_nested_transaction():  # the end of a savepoint is no commit
            return
        with self._changed:
            for turn in taken:
                self.at.setdefault(turn, time.perf_counter())
            self._changed.notify_all()


class HeardTimes:
    """When the workflows of this process were told of each turn, on `time.perf_counter`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heads: dict[str, list[tuple[int, float]]] = defaultdict(list)

    def of(self, enrolment_id: str, turn_no: int) -> float | None:
        """Return when a workflow was told of this turn, or of a later one instead."""
        return next((at for head, at in self._heads[enrolment_id] if head >= turn_no), None)

    def wait_for(self, turns: Collection[tuple[str, int]], seconds: float) -> bool:
        """Wait until all these turns were told of; False where the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: all(self.of(*turn) is not None for turn in turns), seconds)

    @contextmanager
    def watched(self) -> Iterator[HeardTimes]:
        """Note the turns while the block runs, where a workflow shows them."""
        show = journey._show

        def shown(reply: TurnReply) -> None:
            enrolment_id = enrolment_id_of(workflow.info().workflow_id)
            with self._changed:
                self._heads[enrolment_id].append((reply.turn_no, time.perf_counter()))
                self._changed.notify_all()
            show(reply)

        with patch.object(journey, "_show", shown):
            yield self
