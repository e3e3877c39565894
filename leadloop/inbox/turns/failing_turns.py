"""A turn that raises an error again and again: after an hour its journey is held, for a person to see.

Without it the turn would be asked for once a minute for ever, and only the log would know.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlmodel import select

from leadloop.contracts import Next, TurnReply, TurnRequest
from leadloop.inbox.holding import hold
from leadloop.journey.failures import HeldCode
from leadloop.storage.database import lock_enrolment, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus

GIVE_UP_AFTER = timedelta(hours=1)
"""So long a turn is tried again, in scenario time; long enough to take back a build that is broken."""
_log = structlog.get_logger()


def note_failed_turn(env: Environment, request: TurnRequest, failure: str) -> TurnReply | None:
    """Note that a turn raised an error; hold the journey once it has done so for too long.

    `failure` names the error and where the log tells more; it holds no personal data. Returns what the
    workflow is to do then, None where it is to try again. A transaction of its own: that of the turn is
    undone.
    """
    with env.database.write() as session:
        lead_id = session.exec(select(Enrolment.lead_id).where(Enrolment.id == request.enrolment_id)).first()
        if lead_id is None:
            return None
        lock_lead(session, lead_id)
        enrolment = lock_enrolment(session, request.enrolment_id)
        if request.generation < enrolment.generation or enrolment.status != EnrolmentStatus.RUNNING:
            return None
        now = env.clock.now()  # `request.now` is the same for all attempts
        if enrolment.failing_since is None:
            enrolment.failing_since = now
            session.add(enrolment)
        if now - enrolment.failing_since < GIVE_UP_AFTER:
            return None
        enrolment.failing_since = None
        text = f"its turn {enrolment.turn_no + 1} failed for an hour: {failure}"
        hold(enrolment, HeldCode.TURN_FAILED, text)
        session.add(enrolment)
        _log.error("journey_held", enrolment_id=enrolment.id, turn_no=enrolment.turn_no + 1)
        return TurnReply(status="not_yet", turn_no=enrolment.turn_no, next=Next(kind="wait"))
