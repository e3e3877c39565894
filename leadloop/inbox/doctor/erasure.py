"""Checks of erasure: nothing of an erased person is left."""

from __future__ import annotations

from sqlmodel import col, or_, select

from leadloop.inbox.doctor.view import Found, View
from leadloop.inbox.erasure import is_empty_lead
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Event, Lead, Link, Message


def nothing_of_the_erased(view: View) -> Found:
    """Of an erased lead no personal value is left, and none of its journeys is open."""
    session = view.session
    erased = session.exec(select(Lead).where(col(Lead.erased_at).is_not(None))).all()
    problems = [f"lead {lead.id}: erased, but has values" for lead in erased if not is_empty_lead(lead)]
    of_erased = select(Lead.id).where(col(Lead.erased_at).is_not(None))
    events = session.exec(
        select(Event.id, Event.properties, Event.identity).where(
            col(Event.lead_id).in_(of_erased), col(Event.applied_at).is_not(None)
        )
    ).all()
    problems += [f"event {one}: of an erased lead, but not empty" for one, what, who in events if what or who]
    bodies = session.exec(
        select(Message.id).where(
            col(Message.lead_id).in_(of_erased),
            or_(
                col(Message.rendered_to).is_not(None),
                col(Message.text_body).is_not(None),
                col(Message.id).in_(select(Link.message_id)),
            ),
        )
    ).all()
    problems += [f"message {one}: of an erased lead, but not empty" for one in bodies]
    journeys = session.exec(
        select(Enrolment.id).where(
            col(Enrolment.lead_id).in_(of_erased), Enrolment.status != EnrolmentStatus.ENDED
        )
    ).all()
    problems += [f"enrolment {one}: of an erased lead, but open" for one in journeys]
    return len(erased), problems


CHECKS = (nothing_of_the_erased,)
