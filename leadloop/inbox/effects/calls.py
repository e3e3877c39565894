"""Outside calls: put in their outbox, and dropped where nobody needs them any more."""

from __future__ import annotations

from leadloop.inbox.apply import Application
from leadloop.inbox.calls import find_call
from leadloop.inbox.effects.mail import publication_with
from leadloop.journey import effects
from leadloop.storage.columns import new_id
from leadloop.storage.tables import Call, Enrolment


def ask_call(application: Application, enrolment: Enrolment, effect: effects.AskCall) -> None:
    if find_call(application.session, effect.call_key) is not None:
        return
    publication_id = enrolment.publication_id
    if effect.template is not None:
        publication_id = publication_with(application, enrolment, effect.template)
    application.session.add(
        Call(
            id=new_id(),
            call_key=effect.call_key,
            kind=effect.kind,
            enrolment_id=enrolment.id,
            publication_id=publication_id,
            step_id=effect.step_id,
            visit=effect.visit,
            lead_id=application.lead.id,
            scenario=enrolment.scenario,
            to=effect.to,
            template=effect.template,
            created_at=application.now,
        )
    )
    application.session.flush()
