"""What a message's template sees, read from the database."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session

from leadloop.conditions import FactValue
from leadloop.delivery.scope import template_context
from leadloop.inbox.facts import lead_facts, lead_zone, run_facts
from leadloop.language.plan import Publication
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Event, Lead, Message


def build_context(
    session: Session,
    env: Environment,
    publication: Publication,
    message: Message,
    lead: Lead,
    enrolment: Enrolment,
    unsubscribe_url: str = "",
) -> dict[str, Any]:
    """Return plain data for the message's template, as the lead is now."""
    workspace = publication.workspace
    zone = lead_zone(lead, workspace)
    facts = lead_facts(session, publication, lead, env.clock.now())
    cause = session.get(Event, enrolment.cause_event_id) if enrolment.cause_event_id else None
    declared = workspace.events.get(cause.type, {}) if cause else {}
    run = run_facts(cause.properties if cause else {}, declared, enrolment.entered_at, enrolment.cycle, zone)
    person = _below(facts, "lead")
    return template_context(
        workspace,
        lead={**person, "id": lead.id},
        company=person.get("company"),
        run=_below(run, "run"),
        message_id=message.id,
        unsubscribe_url=unsubscribe_url,
        models=publication.scoring.models,
        zone=zone,
    )


def _below(facts: dict[str, FactValue], root: str) -> dict[str, Any]:
    """Return dotted facts below `root` as nested dicts."""
    tree: dict[str, Any] = {}
    for name, value in facts.items():
        path = name.split(".")
        if path[0] != root:
            continue
        branch = tree
        for part in path[1:-1]:
            branch = branch.setdefault(part, {})
        branch[path[-1]] = value
    return tree
