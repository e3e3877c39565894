"""Pages for marketers: the overview, leads and their stories, and forms to fill in by hand."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead
from leadloop.web.counts import scenario_counts
from leadloop.web.forms import HONEYPOT
from leadloop.web.lead_view import (
    bands_of,
    display_name,
    find_leads,
    journeys_of,
    lead_facts_shown,
    scores_of,
)
from leadloop.web.leads_api import find_lead_row
from leadloop.web.paging import page
from leadloop.web.rendering import Pages
from leadloop.web.story import story

_LEADS_SHOWN = 50


def pages_router(env: Environment, pages: Pages) -> APIRouter:
    """Return the routes of the pages."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def show_overview(request: Request) -> Response:
        with env.database.read() as session:
            publication = env.publications.current(session).publication
            counts = scenario_counts(session, publication)
        forms = publication.workspace.forms
        return pages.render(request, "overview.html", counts=counts, forms=forms)

    @router.get("/leads")
    def show_leads(request: Request, q: str = "", stage: str = "", cursor: str | None = None) -> Response:
        with env.database.read() as session:
            stages = env.publications.current(session).publication.lifecycle.stages
            rows, after = page(session, find_leads(q, stage), Lead.created_at, Lead.id, cursor, _LEADS_SHOWN)
            bands = bands_of(session, [row.id for row in rows])
        return pages.render(
            request,
            "leads.html",
            leads=rows,
            bands=bands,
            name_of=display_name,
            q=q,
            stage=stage,
            stages=stages,
            next_cursor=after,
        )

    @router.get("/leads/{lead_id}")
    def show_lead(request: Request, lead_id: str) -> Response:
        with env.database.read() as session:
            lead = find_lead_row(session, lead_id)
            publication = env.publications.current(session).publication
            facts = lead_facts_shown(session, lead)
            scores = scores_of(session, publication, lead, env.clock.now())
            journeys = journeys_of(session, env, lead.id)
            language = pages.language(request, publication.workspace)
            lines = story(session, env, lead.id, language)[::-1]
        return pages.render(
            request,
            "lead.html",
            lead=lead,
            name=display_name(lead),
            facts=facts,
            scores=scores,
            journeys=journeys,
            lines=lines,
        )

    @router.get("/forms/{form}")
    def show_form(request: Request, form: str) -> Response:
        workspace = env.publications.current().publication.workspace
        if form not in workspace.forms:
            return pages.not_found(request)
        return pages.render(
            request,
            "form.html",
            form=form,
            title=workspace.forms[form].title or form,
            fields=workspace.lead_fields,
            topics={name: one for name, one in workspace.topics.items() if "opt_in" in one.basis},
            honeypot=HONEYPOT,
        )

    return router
