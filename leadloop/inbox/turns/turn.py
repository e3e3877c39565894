"""`take_turn`: everything a journey does between two waits, as one database transaction.

Only this function writes a journey's position, plan, turn number and `next`. Every timer, wake and
start leads to its one question, "may turn n be taken?", so late, lost and double wakes are harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from leadloop.contracts import Next, TurnReply, TurnRequest
from leadloop.inbox.apply import Application
from leadloop.inbox.operations.scenario_pauses import follow_scenario, pause_key
from leadloop.inbox.recovery.restored import RESTORED, is_restored
from leadloop.inbox.turns.causes import cause_of, due_of
from leadloop.inbox.turns.description import describe, search_attributes
from leadloop.inbox.turns.taking import TURNS, Taking
from leadloop.inbox.turns.walking import EMAIL_PROVIDER
from leadloop.storage.database import give_up_waiting, lock_enrolment, lock_lead_of
from leadloop.storage.environment import Environment
from leadloop.storage.switches import read_switches
from leadloop.storage.tables import Enrolment, EnrolmentStatus

__all__ = ["EMAIL_PROVIDER", "TURNS", "TurnGapError", "take_turn"]

_GATE_SECONDS = 60.0
"""How soon a journey asks again while the gate is closed."""
_WAKE_SLACK = 30.0
"""Extra real seconds on timers under a warped clock, where the relay wakes due journeys."""


class TurnGapError(Exception):
    """A turn beyond head + 1 was asked for: the workflow and the database disagree."""


def take_turn(env: Environment, request: TurnRequest, patience: timedelta | None = None) -> TurnReply:
    """Take turn `turn_no` if it is due, or say what the journey waits for.

    Raises `TurnGapError` for a turn beyond head + 1, `RowMissingError` for an unknown journey, and what
    `gave_up` knows where a lock is not free within `patience`; without it, it waits.
    """
    with env.database.write() as session:
        if patience is not None:
            give_up_waiting(session, patience)
        lead = lock_lead_of(session, request.enrolment_id)
        enrolment = lock_enrolment(session, request.enrolment_id)
        read_switches(session, RESTORED, pause_key(enrolment.scenario))
        real_now = env.clock.at(request.now)
        if is_restored(session):  # an older copy of the database: journeys stand still until it is accepted
            return TurnReply(
                status="not_yet",
                turn_no=enrolment.turn_no,
                next=Next(kind="wait"),
                wait_seconds=_GATE_SECONDS,
            )
        if request.generation < enrolment.generation:
            return TurnReply(status="superseded", turn_no=enrolment.turn_no, next=Next(kind="end"))
        now = max(real_now, enrolment.moved_at)
        application = Application(session, env, lead, now)
        application.apply_pending()
        if request.turn_no > enrolment.turn_no + 1:
            raise TurnGapError(f"turn {request.turn_no} asked for, head is {enrolment.turn_no}")
        if request.turn_no == enrolment.turn_no + 1:
            follow_scenario(application, enrolment)
            cause = cause_of(session, enrolment, now)
            enrolment.failing_since = None  # or this transaction is undone
            if cause is None:
                return _reply(application, enrolment, "not_yet", real_now)
            turn = Taking(application, enrolment)
            turn.take(cause, request.generation)
            return _reply(application, enrolment, "committed", real_now, armed=turn.armed)
        # Taken before, by an attempt that died: the wake for what came since may be used up already.
        ready = cause_of(session, enrolment, now) is not None
        return _reply(application, enrolment, "committed", real_now, ready)


def _reply(
    application: Application,
    enrolment: Enrolment,
    status: Literal["committed", "not_yet"],
    real_now: datetime,
    ready: bool = False,
    armed: Sequence[str | None] | None = None,
) -> TurnReply:
    """Return the head as the workflow needs it; `ready` means that the next turn may be taken now.

    `armed` are the event types of its waits, where they are known.
    """
    env = application.env
    following = Next.model_validate(enrolment.next) if enrolment.next else Next(kind="wait")
    seconds: float | None = None
    due_at = due_of(enrolment, following)
    if following.kind == "wait" and due_at is not None:
        seconds = max(0.0, env.clock.real_seconds(due_at - real_now))
        if env.clock.warped:
            seconds += _WAKE_SLACK
    if following.kind == "wait" and ready:
        seconds = 0.0
    if enrolment.status not in (EnrolmentStatus.RUNNING, EnrolmentStatus.ENDED):
        following, seconds = Next(kind="wait"), None  # only a wake helps; sending again would spin
    summary, details = describe(application.session, enrolment, following, armed)
    return TurnReply(
        status=status,
        turn_no=enrolment.turn_no,
        next=following,
        wait_seconds=seconds,
        summary=summary,
        details=details,
        attributes=search_attributes(enrolment),
    )
