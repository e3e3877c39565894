"""The sales lock: while sales works on a lead, its other journeys' clocks may stand still.

`pause_clock: freeze` adds the locked time to a wait when sales is done, `restart` begins the wait
anew, `run` (the default) lets time pass. A journey in its own hand-off is not locked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadloop.inbox.clocks import RUN, add_stop, lift_stop, stand_still
from leadloop.inbox.operations.scenario_pauses import join_pause
from leadloop.storage.tables import Enrolment

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

SALES = "sales"


def sync_sales_lock(application: Application) -> None:
    """Stop or start the clocks of the lead's open journeys, as `in_sales` is now."""
    for enrolment in application.open_journeys:
        if application.lead.in_sales:
            _lock(application, enrolment)
        elif SALES in enrolment.stops:
            join_pause(application, enrolment)
            lift_stop(application, enrolment, SALES, _clock(application, enrolment))


def settle_clock(application: Application, enrolment: Enrolment) -> None:
    """Stop the clock of a wait that has just begun, where something stops it."""
    if application.lead.in_sales:
        _lock(application, enrolment)
    stand_still(application, enrolment)


def _lock(application: Application, enrolment: Enrolment) -> None:
    if SALES not in enrolment.stops and not enrolment.shielded:
        clock = _clock(application, enrolment)
        if clock != RUN:
            add_stop(application, enrolment, SALES, clock)


def _clock(application: Application, enrolment: Enrolment) -> str:
    return application.env.publications.plan(enrolment.plan_digest, application.session).pause_clock
