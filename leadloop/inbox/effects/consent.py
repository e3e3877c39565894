"""What may be mailed: permissions, refusals, pauses of our own."""

from __future__ import annotations

from typing import Any

from leadloop.inbox.apply import Application
from leadloop.journey import effects
from leadloop.leads import consent, pauses
from leadloop.storage.tables import Enrolment


def subscribe(
    application: Application, enrolment: Enrolment, effect: effects.Subscribe
) -> dict[str, Any] | None:
    """Write a permission; its proof is the event `subscribed`, which names the topic and the basis.

    A refusal that stands is not touched: only the person can take it back. A refusal older than the
    journey does not keep an answer (`request`) to what the person asked for since.
    """
    session, lead = application.session, application.lead
    refused_at = consent.refused_since(session, lead.id, effect.topic)
    answers = effect.basis == "request" and refused_at is not None and refused_at < enrolment.entered_at
    if refused_at is not None and not answers:
        return {"step": effect.step_id, "did": "subscribe", "refused": "unsubscribed"}
    proof = application.emit("subscribed", None, topic=effect.topic, basis=effect.basis)
    session.flush()
    consent.record_permission(
        session, lead.id, effect.topic, effect.basis, proof.id if proof else None, application.now
    )
    application.settle()
    return None


def unsubscribe(application: Application, enrolment: Enrolment, effect: effects.Unsubscribe) -> None:
    """Record the person's refusal as an event; applying it writes the refusal and ends journeys."""
    application.emit("unsubscribed", None, topic=effect.topic)
    application.settle()


def suppress_topics(application: Application, enrolment: Enrolment, effect: effects.SuppressTopics) -> None:
    pauses.suppress_topics(
        application.session,
        application.lead.id,
        key=f"{enrolment.id}:{effect.step_id}:{effect.visit}",
        topics=effect.topics,
        reason=effect.reason,
        lift_on=effect.lift_on,
        at=application.now,
    )
    application.changed()
