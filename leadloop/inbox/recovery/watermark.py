"""The watermark: how far this database was, mirrored to a workflow, so that an older copy is recognised.

It is read from the workflow's history, not by a query: no worker need run for that, and a report counts
from the moment Temporal has taken it. No mail costs a round trip: processes look when they start, then
once a minute, and compare their database with what they know in between.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import structlog
from sqlmodel import Session, col, func, select
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from leadloop.contracts import (
    MIRROR_SIGNAL,
    WATERMARK_WORKFLOW,
    ErasedLead,
    RefusedTopic,
    Watermark,
    journeys_queue,
    watermark_workflow_id,
)
from leadloop.inbox.recovery.refusals import RefusalMirror
from leadloop.inbox.recovery.restored import close_the_gate, is_restored
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Handover, Message, Setting, Tombstone

IDENTITY = "watermark"
"""Setting: id and epoch of this database, and when it was last mirrored."""

_LOOK_SECONDS = 60.0
_BEAT_SECONDS = 60.0
_FIRST_TRIES, _FIRST_PAUSE_SECONDS = 10, 1.0
_AT_ONCE = 200
"""Tombstones in one report."""
_log = structlog.get_logger()

Difference = Literal["behind", "other_database"]


@dataclass(frozen=True)
class _Mine:
    """What this database says of itself."""

    mark: Watermark
    is_empty: bool
    unmirrored: Sequence[ErasedLead]
    refusals: Sequence[RefusedTopic]


class WatermarkKeeper:
    """Mirrors this database's numbers, and compares them with what is known of it."""

    def __init__(self, env: Environment, client: Client, workspace: str) -> None:
        self._env = env
        self._client = client
        self._workspace = workspace
        self._known: Watermark | None = None
        self._refusals = RefusalMirror()
        self._tell_all = False
        self._looked_at = -_LOOK_SECONDS
        self._reported_at = -_BEAT_SECONDS

    async def look_first(self) -> None:
        """Compare before anything else is begun. Raises `RPCError` where Temporal does not answer."""
        for tries_left in reversed(range(_FIRST_TRIES)):
            try:
                await self.run_once()
                return
            except RPCError as error:
                if not tries_left:
                    raise
                _log.warning("watermark_not_read", status=error.status.name)
                await asyncio.sleep(_FIRST_PAUSE_SECONDS)

    async def run_once(self) -> int:
        """Compare, then report what is new. Raises `RPCError` where Temporal does not answer."""
        if await asyncio.to_thread(self._gate_is_closed):
            self._looked_at = -_LOOK_SECONDS  # once an operator opens it, look before anything else
            return 0
        if time.monotonic() - self._looked_at >= _LOOK_SECONDS:
            await self._look()
        # After that look: what others report meanwhile is in this database then.
        mine = await asyncio.to_thread(_read_mine, self._env, self._refusals)
        difference = compare(mine.mark, self._known, mine.is_empty)
        if difference is not None and self._known is not None:
            await asyncio.to_thread(close_the_gate, self._env, difference, self._known, mine.mark)
            return 0
        await self._report(mine)
        return 0

    async def _look(self) -> None:
        """Read what Temporal has. Where it has lost what it had, everything is to be told again."""
        before, self._known = self._known, await read_watermark(self._client, self._workspace)
        self._looked_at = time.monotonic()
        if self._known is None or (before is not None and before.origin != self._known.origin):
            self._tell_all, self._refusals = True, RefusalMirror()

    async def _report(self, mine: _Mine) -> None:
        """Send the numbers where they are new, and once a minute as a sign of life."""
        known = self._known
        same = (
            known is not None
            and (known.database_id, known.epoch) == (mine.mark.database_id, mine.mark.epoch)
            and (known.handed_over, known.erased) == (mine.mark.handed_over, mine.mark.erased)
            and not mine.unmirrored
            and not mine.refusals
            and not self._tell_all
        )
        if same and time.monotonic() - self._reported_at < _BEAT_SECONDS:
            return
        anew = self._tell_all or known is None or known.database_id != mine.mark.database_id
        tombstones = await asyncio.to_thread(_all_tombstones, self._env) if anew else mine.unmirrored
        report = mine.mark.model_copy(
            update={"tombstones": tuple(tombstones), "refusals": tuple(mine.refusals)}
        )
        await self._client.start_workflow(
            WATERMARK_WORKFLOW,
            report,
            id=watermark_workflow_id(self._workspace),
            task_queue=journeys_queue(self._workspace),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal=MIRROR_SIGNAL,
            start_signal_args=(report,),
            static_summary="how far this workspace's database was",
        )
        if anew:
            _log.info("watermark_written_anew", workspace=self._workspace, database=mine.mark.database_id)
        self._known = report if known is None else known.joined(report)
        self._reported_at = time.monotonic()
        self._refusals.mirrored()
        self._tell_all = False
        await asyncio.to_thread(_note_mirrored, self._env, report)

    def _gate_is_closed(self) -> bool:
        with self._env.database.read() as session:
            return is_restored(session)


def compare(mine: Watermark, known: Watermark | None, is_empty: bool) -> Difference | None:
    """Return how a database differs from what is known of it; None where it may go on.

    Another database may take over while it is empty: nothing in it can have been sent before.
    """
    if known is None:
        return None  # Temporal is new, or has lost its data: this database knows more
    if known.database_id != mine.database_id:
        return None if is_empty else "other_database"
    if known.epoch < mine.epoch:
        return None
    behind = mine.handed_over < known.handed_over or mine.erased < known.erased
    return "behind" if behind or known.epoch > mine.epoch else None


async def read_watermark(client: Client, workspace: str) -> Watermark | None:
    """Return what Temporal has of the workspace's watermark; None where it knows nothing."""
    try:
        history = await client.get_workflow_handle(watermark_workflow_id(workspace)).fetch_history()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    known: Watermark | None = None
    for event in history.events:
        payloads = _reports_of(event)
        if payloads:
            (report,) = await client.data_converter.decode(payloads, [Watermark])
            known = report if known is None else known.joined(report)
    return known


def _reports_of(event: HistoryEvent) -> Sequence[Payload]:
    if event.HasField("workflow_execution_started_event_attributes"):
        return event.workflow_execution_started_event_attributes.input.payloads
    signal = event.workflow_execution_signaled_event_attributes
    return signal.input.payloads if signal.signal_name == MIRROR_SIGNAL else ()


def own_mark(session: Session, at: datetime) -> Watermark:
    """Return this database's numbers; gives it an id where it has none yet."""
    row = session.get(Setting, IDENTITY)
    if row is None:
        row = Setting(key=IDENTITY, value={"database_id": new_id(), "epoch": 1})
        session.add(row)
    return Watermark(
        database_id=str(row.value["database_id"]),
        epoch=int(row.value["epoch"]),
        handed_over=session.exec(select(func.coalesce(func.sum(Handover.number), 0))).one(),
        erased=session.exec(select(func.count()).select_from(Tombstone)).one(),
        at=at,
    )


def tombstones_of(rows: Sequence[Tombstone]) -> list[ErasedLead]:
    """Return rows as they are mirrored."""
    return [
        ErasedLead(
            lead_id=row.lead_id,
            erased_at=row.erased_at,
            identities=tuple(row.identities),
            suppressed=tuple(row.suppressed),
        )
        for row in rows
    ]


def _read_mine(env: Environment, refusals: RefusalMirror) -> _Mine:
    with env.database.write() as session:
        mark = own_mark(session, env.clock.now())
        waiting = session.exec(
            select(Tombstone).where(col(Tombstone.mirrored_at).is_(None)).limit(_AT_ONCE)
        ).all()
        is_empty = (
            session.exec(select(Enrolment.id).limit(1)).first() is None
            and session.exec(select(Message.id).limit(1)).first() is None
        )
        return _Mine(mark, is_empty, tombstones_of(waiting), refusals.new(session))


def _all_tombstones(env: Environment) -> list[ErasedLead]:
    from leadloop.contracts import MOST_TOMBSTONES

    with env.database.read() as session:
        rows = session.exec(
            select(Tombstone).order_by(col(Tombstone.erased_at).desc()).limit(MOST_TOMBSTONES)
        ).all()
    return tombstones_of(list(reversed(rows)))


def _note_mirrored(env: Environment, report: Watermark) -> None:
    """Write down what Temporal has taken: the tombstones, and the instant."""
    with env.database.write() as session:
        row = session.get_one(Setting, IDENTITY)
        value: dict[str, Any] = dict(row.value)
        row.value = value | {"mirrored_at": report.at.isoformat()}
        session.add(row)
        ids = [one.lead_id for one in report.tombstones]
        for tombstone in session.exec(select(Tombstone).where(col(Tombstone.lead_id).in_(ids))).all():
            tombstone.mirrored_at = report.at
            session.add(tombstone)
