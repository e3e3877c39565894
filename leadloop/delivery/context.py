"""What a message's template sees, read from the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from leadloop.conditions import FactValue
from leadloop.delivery.loading import NOTICE
from leadloop.delivery.scope import template_context
from leadloop.inbox.facts import company_of, lead_facts, lead_zone
from leadloop.inbox.turns.journey_facts import run_values
from leadloop.language.plan import Publication
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, Lead, Message


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
    return journey_context(
        session,
        env,
        publication,
        lead,
        enrolment,
        message.id,
        unsubscribe_url,
        with_run=message.kind == NOTICE or _names_run(publication.templates, message),
    )


def _names_run(templates: Mapping[str, str], message: Message) -> bool:
    """Return whether the mail may show something of its journey, which costs a query or two.

    The renderer sees one version of the template and a layout; nothing else can name it.
    """
    texts = (
        text for file, text in templates.items() if file.startswith((f"{message.template}.", "layouts/"))
    )
    return any("run" in text for text in (*texts, message.subject_override or ""))


def journey_context(
    session: Session,
    env: Environment,
    publication: Publication,
    lead: Lead,
    enrolment: Enrolment,
    message_id: str = "",
    unsubscribe_url: str = "",
    *,
    with_run: bool = True,
) -> dict[str, Any]:
    """Return plain data about a journey's lead, its company and its run, for a template or a call.

    Not `with_run`: everything below `run` is unknown.
    """
    workspace = publication.workspace
    zone = lead_zone(lead, workspace, company_of(session, lead))
    person = _below(lead_facts(session, publication, lead, env.clock.now()), "lead")
    plan = env.publications.plan(enrolment.plan_digest, session)
    run = _below(run_values(session, workspace, zone, enrolment, plan), "run") if with_run else {}
    return template_context(
        workspace,
        lead={**person, "id": lead.id},
        company=person.get("company"),
        run=run,
        message_id=message_id,
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
