"""Scenarios in which something can be paused, held and tried again; the outbox with a sender in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from leadloop.delivery.claim import claim_message
from leadloop.inbox.applier import apply_once
from leadloop.inbox.operations.log import Caller
from leadloop.inbox.operations.loop import run_operations
from leadloop.inbox.turns.editions import run_editions
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Lead, Message, MessageStatus, Operation
from tests.factories import ManualClock
from tests.inbox.driver import journeys, settle, turn
from tests.inbox.played import END, enter, environment, plan_of, rest

BY = Caller("sato")
SEND = p.SendStep(id="mail", template="case", topic="nurture", on_skip=END, on_fail=END)


def claim_and_send(env: Environment, message_id: str) -> None:
    """Stand in for the outbox: a real claim, and a mail server that takes everything."""
    with env.database.write() as session:
        message = session.get_one(Message, message_id)
        if message.status != MessageStatus.NEW:
            return
        message.rendered_to = session.get_one(Lead, message.lead_id).email
        session.add(message)
        session.flush()
        claim = claim_message(session, env, message_id, 1)
        if claim.token is not None:
            message.status, message.sent_at = MessageStatus.SENT, env.clock.now()
            session.add(message)


def go(env: Environment, deliver: Callable[[Environment, str], None] = claim_and_send) -> None:
    """Let the engine come to rest, its background loop of operations included."""
    settle(env, deliver)
    while run_operations(env):
        settle(env, deliver)
    settle(env, deliver)


def go_quickly(env: Environment) -> None:
    """As `go`, for many people: asks only for turns that may be taken."""
    while True:
        moved = apply_once(env) + run_editions(env, 1000) + run_operations(env, 1000)
        for row in journeys(env):
            if not _may_move(env, row):
                continue
            if row.next.get("kind") == "send":
                claim_and_send(env, str(row.next["message_id"]))
            moved += turn(env, row.id, row.turn_no + 1).status == "committed"
        if not moved:
            return


def _may_move(env: Environment, row: Enrolment) -> bool:
    if row.next.get("kind") == "end" or row.status not in (EnrolmentStatus.RUNNING, EnrolmentStatus.ENDED):
        return False
    due = row.due_at is not None and row.due_at <= env.clock.now()
    return due or row.turn_no == 0 or row.move_to is not None or row.next.get("kind") == "send"


def advance(env: Environment, **units: float) -> None:
    clock = env.clock
    assert isinstance(clock, ManualClock)
    clock.advance(**units)
    go(env)


def waiting(tmp_path: Path, *steps: Any, **values: Any) -> tuple[Environment, str]:
    """Return an environment and a journey that waits, ten days where nothing else is said."""
    env = environment(tmp_path, plan_of(*(steps or (rest(days=10),)), **values))
    journey = enter(env, opt_in=True)
    go(env)
    return env, journey.id


def log_of(env: Environment) -> list[Operation]:
    with env.database.read() as session:
        return list(session.exec(select(Operation).order_by(col(Operation.id))).all())
