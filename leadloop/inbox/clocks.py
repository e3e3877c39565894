"""A journey's clock stands still while something stops it. One mechanism, whatever the cause is.

Causes stand in `enrolment.stops`, each with what the clock does meanwhile: `run`, `freeze` or `restart`.
The clock stands still from the first cause that stops it to the end of the last one. Then the time it
stood is added to the wait; the wait begins anew if a cause that said `restart` was among them. Only
waits for a length of time stand still: `wait`, `await`, the rest of a stream, but not those `until` a date.
What people do is applied all the same.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from leadloop.contracts import Next
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.inbox.turns.causes import due_of
from leadloop.journey.lengths import waits_a_length
from leadloop.language.plan import Plan, StreamStep
from leadloop.storage.tables import Enrolment, EnrolmentStatus

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

Clock = Literal["run", "freeze", "restart"]
CLOCKS: tuple[Clock, ...] = ("run", "freeze", "restart")
RUN: Clock = "run"
RESTART: Clock = "restart"


def add_stop(
    application: Application, enrolment: Enrolment, cause: str, clock: str, since: datetime | None = None
) -> None:
    """Note a cause, and stop the clock where it waits for time. `since` is when the cause began."""
    enrolment.stops = {**enrolment.stops, cause: clock}
    application.session.add(enrolment)
    if application.turn_of != enrolment.id:  # else it is on its way to another wait
        stand_still(application, enrolment, since)


def stand_still(application: Application, enrolment: Enrolment, since: datetime | None = None) -> None:
    """Stop the clock of a journey that waits for time, where a cause says so and the wait is not over."""
    since = max(since or application.now, enrolment.moved_at)
    if enrolment.locked_at is not None or not _is_stopped(enrolment) or not _waits(application, enrolment):
        return
    due_at = due_of(enrolment, Next.model_validate(enrolment.next))
    if due_at is not None and due_at <= since:
        return
    enrolment.locked_at = since
    enrolment.due_at = None
    application.session.add(enrolment)


def lift_stop(application: Application, enrolment: Enrolment, cause: str, clock: str | None = None) -> None:
    """Take a cause away; where it was the last one that stops the clock, the clock goes on.

    `clock` stands for what was noted with the cause.
    """
    clock = clock or enrolment.stops.get(cause)
    enrolment.stops = {name: value for name, value in enrolment.stops.items() if name != cause}
    application.session.add(enrolment)
    if enrolment.locked_at is None:
        return
    if clock == RESTART:  # as if it had stood still since the wait began
        enrolment.locked_at, enrolment.clock_shift_seconds = _begun_at(application, enrolment), 0
    if _is_stopped(enrolment):
        return
    enrolment.clock_shift_seconds += int((application.now - enrolment.locked_at).total_seconds())
    enrolment.locked_at = None
    if enrolment.held_reason is None:
        enrolment.due_at = due_of(enrolment, Next.model_validate(enrolment.next))
    ask_wake(application.session, enrolment.id, application.now)


def _is_stopped(enrolment: Enrolment) -> bool:
    return any(clock != RUN for clock in enrolment.stops.values())


def _waits(application: Application, enrolment: Enrolment) -> bool:
    """Return whether an open journey waits for time, and is not held."""
    if enrolment.status not in (EnrolmentStatus.RUNNING, EnrolmentStatus.PAUSED) or enrolment.held_reason:
        return False
    return waits_for_time(enrolment, _plan(application, enrolment))


def waits_for_time(enrolment: Enrolment, plan: Plan) -> bool:
    """Return whether a journey stands in a wait whose clock can be stopped."""
    if enrolment.next.get("kind") != "wait" or enrolment.shielded:
        return False
    step = plan.steps.get(str(enrolment.state.get("step")))
    return waits_a_length(step, str(enrolment.state.get("phase", "")))


def _begun_at(application: Application, enrolment: Enrolment) -> datetime:
    """Return when the present wait began: a move to another version does not begin it."""
    arrived = enrolment.state.get("arrived_at")
    step = _plan(application, enrolment).steps.get(str(enrolment.state.get("step")))
    if arrived is None or isinstance(step, StreamStep):
        return enrolment.moved_at
    return datetime.fromisoformat(str(arrived))


def _plan(application: Application, enrolment: Enrolment) -> Plan:
    return application.env.publications.plan(enrolment.plan_digest, application.session)
