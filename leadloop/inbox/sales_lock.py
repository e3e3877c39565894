"""The sales lock: while sales works on a lead, its other journeys' clocks may stand still.

`pause_clock: freeze` adds the locked time to a wait when sales is done, `restart` begins the wait
anew, `run` (the default) lets time pass. Only waits of time stand still: what a person does still
satisfies an `await`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadloop.contracts import Next
from leadloop.inbox.causes import due_of
from leadloop.inbox.wakes import ask_wake
from leadloop.journey.steps.stream import RESTING
from leadloop.language.plan import AwaitStep, Plan, StreamStep, WaitStep
from leadloop.storage.tables import Enrolment, EnrolmentStatus

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

RESTART = "restart"


def sync_sales_lock(application: Application) -> None:
    """Stop or start the clocks of the lead's open journeys, as `in_sales` is now."""
    for enrolment in application.open_journeys:
        if application.lead.in_sales and enrolment.locked_at is None:
            plan = _plan(application, enrolment)
            if plan.pause_clock != "run" and enrolment.next.get("kind") == "wait":
                lock_if_waiting(application, enrolment, plan)
        elif not application.lead.in_sales and enrolment.locked_at is not None:
            _unlock(application, enrolment, _plan(application, enrolment))


def lock_if_waiting(application: Application, enrolment: Enrolment, plan: Plan) -> None:
    """Stop a journey's clock where it waits for time and is not the one that sales works on."""
    stands_still = (
        application.lead.in_sales
        and plan.pause_clock != "run"
        and enrolment.status == EnrolmentStatus.RUNNING
        and not enrolment.shielded
        and (enrolment.due_at is None or enrolment.due_at > application.now)  # else its wait is over
        and _waits_for_time(enrolment, plan)
    )
    if stands_still:
        enrolment.locked_at = application.now
        enrolment.due_at = None
        application.session.add(enrolment)


def _unlock(application: Application, enrolment: Enrolment, plan: Plan) -> None:
    since = enrolment.moved_at if plan.pause_clock == RESTART else enrolment.locked_at
    passed = int((application.now - (since or application.now)).total_seconds())
    kept = 0 if plan.pause_clock == RESTART else enrolment.clock_shift_seconds
    enrolment.locked_at = None
    enrolment.clock_shift_seconds = kept + passed
    enrolment.due_at = due_of(enrolment, Next.model_validate(enrolment.next))
    application.session.add(enrolment)
    ask_wake(application.session, enrolment.id, application.now)


def _waits_for_time(enrolment: Enrolment, plan: Plan) -> bool:
    step = plan.steps.get(str(enrolment.state.get("step")))
    if isinstance(step, StreamStep):
        return enrolment.state.get("phase") == RESTING
    return isinstance(step, WaitStep | AwaitStep)


def _plan(application: Application, enrolment: Enrolment) -> Plan:
    return application.env.publications.plan(enrolment.plan_digest, application.session)
