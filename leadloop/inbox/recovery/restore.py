"""Accepting a database that was restored from a backup: what was done since is found out, or assumed.

The rules, each for what the lost part of the database would have said:

- A mail counts as sent (`uncertain`) where a history of Temporal names it and does not say that it was
  not handed over.
- An open journey whose histories do not reach back to the backup is held: nobody knows what it sent.
  A paused one is held when it is resumed; one that was held already says so too.
- Erasures are done again, and refusals written again, from the watermark.
- What was to enter by time until the lost database stopped is taken for entered; bands, segments and
  cool-downs that time changed until then change without letting anybody enter.
- Workflows of journeys that this database does not know are terminated.

Every step may be done again, so a run that was stopped is simply repeated. The gate opens at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session, col, select
from temporalio.client import Client

from leadloop.contracts import Watermark, journey_workflow_id
from leadloop.delivery.handovers import add_handovers
from leadloop.inbox.effects.mail import find_message
from leadloop.inbox.erasure import erase_again
from leadloop.inbox.holding import hold
from leadloop.inbox.operations.log import Caller, write_operation
from leadloop.inbox.recovery.lost_sends import Run, Sent, runs_since
from leadloop.inbox.recovery.lost_time import pass_changes, pass_entries
from leadloop.inbox.recovery.refusals import refuse_again
from leadloop.inbox.recovery.restored import RESTORED, note_lost_messages
from leadloop.inbox.recovery.watermark import IDENTITY, own_mark, read_watermark
from leadloop.journey.failures import HeldCode
from leadloop.storage.database import lock_enrolment, lock_lead, lock_message
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Enrolment,
    EnrolmentStatus,
    Message,
    MessageStatus,
    Setting,
)

BEFORE_RESTORE = "before_restore"
"""Reason of a message that counts as sent, because it may have been before the restore."""
NO_PROOF = "restored from a backup, and no history of Temporal tells which mails it has sent since"

_SLACK = timedelta(hours=1)
_UNCLAIMED = (MessageStatus.NEW, MessageStatus.HELD, MessageStatus.SENDING)
_log = structlog.get_logger()


class NotRestoredError(Exception):
    """There is nothing to accept: this database is the newest one."""


@dataclass
class Accepted:
    """What an acceptance found and did."""

    runs_looked_at: int = 0
    uncertain: list[str] = field(default_factory=list)
    """Messages that count as sent from now on."""
    held: list[str] = field(default_factory=list)
    """Journeys that are held, because nobody knows what they sent."""
    gone: list[str] = field(default_factory=list)
    """Journeys that began after the backup; only Temporal knew them."""
    lost_messages: list[str] = field(default_factory=list)
    """Messages of those journeys that went out; no row can tell of them."""
    erased_again: list[str] = field(default_factory=list)
    refused_again: int = 0
    """Refusals that this database did not know of."""
    entries_passed: int = 0
    """Entries by time that count as done."""
    changes_passed: int = 0
    """Bands, segments and cool-downs that time had changed; nobody entered by them."""

    def as_json(self) -> dict[str, Any]:
        """Return it as the command prints it."""
        return asdict(self)


class Acceptance:
    """One acceptance. Its environment may rehearse (`database.rehearses`): then nothing is changed."""

    def __init__(
        self, env: Environment, client: Client, workspace: str, *, hold_unproven: bool = True
    ) -> None:
        self._env = env
        self._client = client
        self._workspace = workspace
        self._hold_unproven = hold_unproven
        self.found = Accepted()
        self._proven: set[str] = set()
        self._known: Watermark | None = None
        self._unnamed: set[str] = set()
        """Journeys with a send that their history does not name well enough."""

    async def find_out(self, progress: Callable[[int], None]) -> Accepted:
        """Do everything but restarting journeys and opening the gate.

        Raises `NotRestoredError`, and `RPCError` where Temporal does not answer.
        """
        gate, mirrored_at = await asyncio.to_thread(self._read_gate)
        known = self._known = await read_watermark(self._client, self._workspace)
        for tombstone in known.tombstones if known is not None else ():
            if await asyncio.to_thread(erase_again, self._env, tombstone):
                self.found.erased_again.append(tombstone.lead_id)
        if known is not None:
            self.found.refused_again = await asyncio.to_thread(refuse_again, self._env, known.refusals)
        since = mirrored_at - _SLACK if mirrored_at is not None else None
        found_at = datetime.fromisoformat(gate["found_at"])
        async for run in runs_since(self._client, self._workspace, since):
            await self._look_at(run, found_at)
            self.found.runs_looked_at += 1
            progress(self.found.runs_looked_at)
        if self._hold_unproven:
            await asyncio.to_thread(self._hold_the_rest, found_at)
        ran_until = datetime.fromisoformat(gate["ran_until"])
        self.found.changes_passed = await asyncio.to_thread(pass_changes, self._env, ran_until)
        self.found.entries_passed = await asyncio.to_thread(pass_entries, self._env, ran_until)
        return self.found

    def open_gate(self, by: str) -> None:
        """Begin a new epoch with the higher numbers, and let senders and sweeper go on."""
        known = self._known
        with self._env.database.write() as session:
            mine = own_mark(session, self._env.clock.now())
            if known is not None:
                add_handovers(session, 0, max(0, known.handed_over - mine.handed_over))
            row = session.get_one(Setting, IDENTITY)
            epoch = max(mine.epoch, known.epoch if known is not None else 0) + 1
            row.value = {**row.value, "epoch": epoch}
            session.add(row)
            gate = session.get(Setting, RESTORED)
            if gate is not None:
                session.delete(gate)
            note_lost_messages(session, self.found.lost_messages)
            counts = {
                name: one if isinstance(one, int) else len(one) for name, one in self.found.as_json().items()
            }
            write_operation(session, self._env, Caller(by), "accept_restore", found=counts)
        _log.warning("restore_accepted", epoch=epoch)

    def _read_gate(self) -> tuple[dict[str, Any], datetime | None]:
        with self._env.database.read() as session:
            gate, identity = session.get(Setting, RESTORED), session.get(Setting, IDENTITY)
        if gate is None:
            raise NotRestoredError
        at = identity.value.get("mirrored_at") if identity is not None else None
        return dict(gate.value), datetime.fromisoformat(at) if at else None

    async def _look_at(self, run: Run, found_at: datetime) -> None:
        known = await asyncio.to_thread(self._record, run, found_at)
        if known:
            return
        if run.enrolment_id not in self.found.gone:
            self.found.gone.append(run.enrolment_id)
        self.found.lost_messages += [one.request.message_id for one in run.sent]
        if run.is_running and not self._env.database.rehearses:
            handle = self._client.get_workflow_handle(
                journey_workflow_id(run.enrolment_id), run_id=run.run_id
            )
            await handle.terminate(reason="its journey is not in the restored database")

    def _record(self, run: Run, found_at: datetime) -> bool:
        """Write down what a run may have sent; False where this database does not know its journey."""
        with self._env.database.write() as session:
            lead_id = session.exec(select(Enrolment.lead_id).where(Enrolment.id == run.enrolment_id)).first()
            if lead_id is None:
                return False
            lock_lead(session, lead_id)
            enrolment = lock_enrolment(session, run.enrolment_id)
            # A run that began at the turn after the head tells everything that came after the head.
            if run.first_turn <= enrolment.turn_no + 1 and run.began_at < found_at:
                self._proven.add(enrolment.id)
            self.found.uncertain += [
                message_id
                for one in run.sent
                if (message_id := self._count_as_sent(session, enrolment, one)) is not None
            ]
            return True

    def _count_as_sent(self, session: Session, enrolment: Enrolment, sent: Sent) -> str | None:
        """Make a message `uncertain` where this database would send it; return its id."""
        letter = sent.request.letter
        message = session.get(Message, sent.request.message_id)
        if message is None and letter is not None:
            message = find_message(session, letter.send_key)
        if message is None:
            if letter is None:  # of a leadloop that did not say which step it was
                self._unnamed.add(enrolment.id)
                return None
            message = Message(
                id=sent.request.message_id,
                send_key=letter.send_key,
                kind=letter.kind,
                enrolment_id=enrolment.id,
                publication_id=enrolment.publication_id,
                step_id=letter.step_id,
                visit=letter.visit,
                lead_id=enrolment.lead_id,
                scenario=enrolment.scenario,
                topic=letter.topic,
                template=letter.template,
                created_at=sent.at,
            )
        elif message.status not in _UNCLAIMED:
            return None
        else:
            message = lock_message(session, message.id)
        return _make_uncertain(session, message, sent.at)

    def _hold_the_rest(self, found_at: datetime) -> None:
        """Hold the journeys that no history vouches for; a paused one is held once it is resumed."""
        for enrolment_id, lead_id in self._open(found_at):
            if enrolment_id in self._proven - self._unnamed:
                continue
            with self._env.database.write() as session:
                lock_lead(session, lead_id)
                enrolment = lock_enrolment(session, enrolment_id)
                if enrolment.status == EnrolmentStatus.ENDED or _says_so(enrolment):
                    continue
                message = session.get(Message, enrolment.next.get("message_id") or "")
                if message is not None and message.status in _UNCLAIMED:
                    self.found.uncertain.append(_make_uncertain(session, message, None))
                if enrolment.status == EnrolmentStatus.RUNNING:
                    enrolment.due_at = None
                before = enrolment.held_reason
                reason = NO_PROOF if before is None else f"{NO_PROOF}; before that: {before}"
                hold(enrolment, HeldCode.RESTORED, reason)
                session.add(enrolment)
            self.found.held.append(enrolment_id)

    def _open(self, found_at: datetime) -> list[tuple[str, str]]:
        with self._env.database.read() as session:
            rows = session.exec(
                select(Enrolment.id, Enrolment.lead_id)
                .where(
                    col(Enrolment.status) != EnrolmentStatus.ENDED,
                    col(Enrolment.entered_at) < found_at,
                )
                .order_by(col(Enrolment.id))
            ).all()
        return [(enrolment_id, lead_id) for enrolment_id, lead_id in rows]


def _says_so(enrolment: Enrolment) -> bool:
    return (enrolment.held_reason or "").startswith(NO_PROOF)


def _make_uncertain(session: Session, message: Message, at: datetime | None) -> str:
    message.status, message.reason, message.hold_until = MessageStatus.UNCERTAIN, BEFORE_RESTORE, None
    message.claimed_at = message.claimed_at or at
    session.add(message)
    session.flush()
    return message.id
