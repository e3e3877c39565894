"""The kill switch: no mail leaves while it is on. Every claim looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from leadloop.inbox.apply import Application
from leadloop.inbox.operations.log import Caller, transaction, write_operation
from leadloop.inbox.operations.pausing import release_mails
from leadloop.inbox.operations.topic import OPERATIONS
from leadloop.inbox.relaying.putting_off import PutOff
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.storage.database import announce, lock_enrolment, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.switches import switch
from leadloop.storage.tables import Message, MessageStatus, Operation, Setting

KILL_SWITCH = "kill_switch"
"""Key of the switch in `setting`, and reason of the mails it holds."""

_LINGER = timedelta(minutes=1)
_put_off = PutOff("sending")
"""So long after lifting, a claim that still saw the switch may hold a mail."""


@dataclass(frozen=True)
class Sending:
    """Whether mails may leave. `by`, `at` and `reason` are those of the last change."""

    stopped: bool
    by: str | None = None
    at: datetime | None = None
    reason: str = ""
    held: int = 0
    """Mails that the switch holds now."""

    def as_json(self) -> dict[str, Any]:
        """Return it as the API and the command show it."""
        return {
            "stopped": self.stopped,
            "by": self.by,
            "at": self.at.isoformat() if self.at else None,
            "reason": self.reason,
            "held": self.held,
        }


@dataclass(frozen=True)
class SendingResult:
    """How sending stands after a command; `no_op` where it stood so before."""

    sending: Sending
    no_op: str | None = None
    operation: Operation | None = None


def read_sending(session: Session) -> Sending:
    """Return how the kill switch stands."""
    row = session.get(Setting, KILL_SWITCH)
    value: dict[str, Any] = row.value if row is not None else {}
    at = value.get("at")
    return Sending(
        stopped=bool(value.get("on")),
        by=value.get("by"),
        at=datetime.fromisoformat(at) if at else None,
        reason=str(value.get("reason", "")),
        held=session.exec(select(func.count()).select_from(Message).where(*_held())).one(),
    )


def is_stopped(session: Session) -> bool:
    """Return whether no mail may leave."""
    value = switch(session, KILL_SWITCH)
    return value is not None and bool(value.get("on"))


def stop_sending(env: Environment, caller: Caller) -> SendingResult:
    """Hold every mail from its next claim on. What a mail server is taking already cannot be stopped."""
    return _switch(env, caller, "stop_sending", True)


def start_sending(env: Environment, caller: Caller) -> SendingResult:
    """Lift the switch. The mails that it held are asked for again in the background."""
    return _switch(env, caller, "start_sending", False)


def _switch(env: Environment, caller: Caller, action: str, on: bool) -> SendingResult:
    with transaction(env, caller) as session:
        row = session.get(Setting, KILL_SWITCH, with_for_update=True)
        if (row is not None and bool(row.value.get("on"))) == on:
            return SendingResult(read_sending(session), "already_stopped" if on else "not_stopped")
        if row is None:
            row = Setting(key=KILL_SWITCH, value={})
        row.value = {
            "on": on,
            "by": caller.by,
            "at": env.clock.now().isoformat(),
            "reason": caller.reason,
            "releasing": not on,
        }
        session.add(row)
        operation = write_operation(session, env, caller, action)
        announce(session, OPERATIONS)
        return SendingResult(read_sending(session), operation=operation)


def release_some(env: Environment, limit: int = 100) -> int:
    """Ask again for up to `limit` mails that the lifted switch held; return how many."""
    broken = _put_off.ids()
    with env.database.read() as session:
        row = session.get(Setting, KILL_SWITCH)
        if row is None or row.value.get("on") or not row.value.get("releasing"):
            return 0
        lifted_at = datetime.fromisoformat(row.value["at"])
        found = session.exec(
            select(Message.enrolment_id, Message.lead_id)
            .where(
                *_held(),
                col(Message.hold_until) > env.clock.now(),
                col(Message.enrolment_id).not_in(broken),
            )
            .order_by(col(Message.id))
            .limit(limit)
        ).all()
    for enrolment_id, lead_id in found:
        _put_off.attempt(enrolment_id, partial(_release, env, enrolment_id, lead_id))
    if (
        not found
        and not broken
        and env.clock.real_seconds(env.clock.now() - lifted_at) > _LINGER.total_seconds()
    ):
        _end_release(env)
    return len(found)


def _release(env: Environment, enrolment_id: str, lead_id: str) -> None:
    with env.database.write() as session:
        application = Application(session, env, lock_lead(session, lead_id), env.clock.now())
        lock_enrolment(session, enrolment_id)
        if release_mails(application, enrolment_id, KILL_SWITCH):
            ask_wake(session, enrolment_id, application.now)


def _end_release(env: Environment) -> None:
    with env.database.write() as session:
        row = session.get(Setting, KILL_SWITCH, with_for_update=True)
        if row is not None and not row.value.get("on"):
            row.value = {**row.value, "releasing": False}
            session.add(row)


def _held() -> tuple[Any, ...]:
    return (Message.status == MessageStatus.HELD, Message.reason == KILL_SWITCH)
