"""What people do to one journey. Each command is one transaction, under the locks of lead and journey.

A command that finds nothing to do changes nothing and says why in `no_op`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from leadloop.inbox.apply import Application
from leadloop.inbox.clocks import CLOCKS, RUN
from leadloop.inbox.exits import end_journey
from leadloop.inbox.operations.log import Caller, OperationError, transaction, write_operation
from leadloop.inbox.operations.pausing import JOURNEY, pause, resume
from leadloop.inbox.operations.scenario_pauses import join_pause
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.inbox.turns.causes import LOST
from leadloop.storage.database import lock_enrolment, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Operation

CANCELLED = "cancelled"
"""Outcome of a journey that a person ended."""

OTHER_CLOCK = "other_clock"

NO_OPS = {
    "ended": "the journey has ended",
    "already_cancelled": "the journey was cancelled before",
    "already_paused": "it is paused already",
    OTHER_CLOCK: "it is paused already, with another clock: resume it first",
    "not_paused": "it is not paused",
    "scenario_paused": "the scenario is paused: resume the scenario",
    "not_held": "the journey is not held",
    "paused": "the journey is paused: resume it first",
    "lost_step": "its step is gone in the version it was to move to: publish a version that maps it, or "
    "`leadloop migrate` with `--map`",
    "already_retried": "the journey tries again in its next turn already",
}
ALREADY = frozenset({"already_cancelled", "already_paused", "not_paused", "not_held", "already_retried"})
"""Of these, what was asked for is so already; the others are refusals."""


@dataclass(frozen=True)
class JourneyResult:
    """The journey after the command; `no_op` says why nothing changed, a key of `NO_OPS`."""

    journey: Enrolment
    no_op: str | None = None
    operation: Operation | None = None


def pause_journey(
    env: Environment, journey_id: str, caller: Caller, clock: str | None = None
) -> JourneyResult:
    """Pause an open journey; `clock` is what its wait does meanwhile: `run` (by default), `freeze` or
    `restart`. One that is paused already must have that clock, if one is named.
    """
    wanted = check_clock(clock)

    def run(application: Application, row: Enrolment) -> str | None:
        if JOURNEY in row.stops:
            return "already_paused" if clock in (None, row.stops[JOURNEY]) else OTHER_CLOCK
        pause(application, row, JOURNEY, wanted)
        return None

    return _command(env, journey_id, caller, "pause", run, clock=wanted)


def resume_journey(env: Environment, journey_id: str, caller: Caller) -> JourneyResult:
    """Let a journey go on that was paused by itself; one of a paused scenario stays paused with it."""

    def run(application: Application, row: Enrolment) -> str | None:
        if JOURNEY not in row.stops:
            return "scenario_paused" if row.status == EnrolmentStatus.PAUSED else "not_paused"
        join_pause(application, row)
        resume(application, row, JOURNEY)
        application.settle()
        return None

    return _command(env, journey_id, caller, "resume", run)


def cancel_journey(env: Environment, journey_id: str, caller: Caller) -> JourneyResult:
    """End a journey now, with the outcome `cancelled`. A mail that is on its way cannot be stopped."""

    def run(application: Application, row: Enrolment) -> str | None:
        end_journey(application, row, CANCELLED, "a person ended it")
        application.settle()
        return None

    return _command(env, journey_id, caller, "cancel", run)


def retry_journey(env: Environment, journey_id: str, caller: Caller) -> JourneyResult:
    """Let a held journey try again in its next turn."""

    def run(application: Application, row: Enrolment) -> str | None:
        if row.status != EnrolmentStatus.HELD:
            return "paused" if row.status == EnrolmentStatus.PAUSED else "not_held"
        if row.move_to is not None and row.move_to.startswith(LOST):
            return "lost_step"
        if row.retry:
            return "already_retried"
        row.retry = True
        application.session.add(row)
        ask_wake(application.session, row.id, application.now)
        return None

    return _command(env, journey_id, caller, "retry", run)


def check_clock(clock: str | None) -> str:
    """Return the clock of a new pause. Raises `OperationError` for one that is none."""
    if clock is not None and clock not in CLOCKS:
        raise OperationError("invalid", f"the clock is one of: {', '.join(CLOCKS)}", "clock")
    return clock or RUN


def _command(
    env: Environment,
    journey_id: str,
    caller: Caller,
    action: str,
    run: Callable[[Application, Enrolment], str | None],
    **detail: str,
) -> JourneyResult:
    with transaction(env, caller) as session:
        known = session.get(Enrolment, journey_id)
        if known is None:
            raise OperationError("not_found", "there is no such journey")
        lead = lock_lead(session, known.lead_id)
        application = Application(session, env, lead, env.clock.now())
        application.apply_pending()
        row = lock_enrolment(session, journey_id)
        no_op = run(application, row) if row.status != EnrolmentStatus.ENDED else "ended"
        if no_op == "ended" and action == "cancel" and row.outcome == CANCELLED:
            no_op = "already_cancelled"
        if no_op is not None:
            return JourneyResult(row, no_op)
        held = {"held": row.held_reason} if action == "retry" else {}
        operation = write_operation(session, env, caller, action, enrolment=row, **detail, **held)
        session.flush()
        return JourneyResult(row, operation=operation)
