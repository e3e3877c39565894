"""The reading API: leads, their stories, scenarios with counts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from sqlmodel import Session

from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead
from leadloop.web.counts import scenario_counts
from leadloop.web.lead_view import bands_of, find_leads, journeys_of, scores_of
from leadloop.web.paging import DEFAULT_LIMIT, listing, page
from leadloop.web.problems import ProblemError
from leadloop.web.sales_api import Limit
from leadloop.web.story import story

_HIDDEN = {"transition_truth", "last_seq", "merged_into", "erased_at", "company_name", "company_id"}


def leads_router(env: Environment) -> APIRouter:
    """Return the routes for leads and scenarios."""
    router = APIRouter(prefix="/v1", tags=["leads"])

    @router.get("/leads")
    def list_leads(
        q: str = "", stage: str = "", cursor: str | None = None, limit: Limit = DEFAULT_LIMIT
    ) -> dict[str, Any]:
        with env.database.read() as session:
            rows, after = page(session, find_leads(q, stage), Lead.created_at, Lead.id, cursor, limit)
            bands = bands_of(session, [row.id for row in rows])
        return listing(
            rows,
            after,
            lambda row: lead_json(row) | {"bands": {one.model: one.band for one in bands[row.id]}},
        )

    @router.get("/leads/{lead_id}")
    def get_lead(lead_id: str) -> dict[str, Any]:
        with env.database.read() as session:
            lead = find_lead_row(session, lead_id)
            publication = env.publications.current(session).publication
            scores = scores_of(session, publication, lead, env.clock.now())
            journeys = journeys_of(session, env, lead.id)
        return lead_json(lead) | {
            "scores": [asdict(one) for one in scores],
            "journeys": [asdict(one) for one in journeys],
        }

    @router.get("/leads/{lead_id}/timeline")
    def get_timeline(lead_id: str) -> dict[str, Any]:
        with env.database.read() as session:
            lead = find_lead_row(session, lead_id)
            lines = story(session, env, lead.id)
        return {"items": [asdict(one) for one in lines], "next_cursor": None}

    @router.get("/scenarios")
    def list_scenarios() -> dict[str, Any]:
        with env.database.read() as session:
            counts = scenario_counts(session, env.publications.current(session).publication)
        return {"items": [one.as_json() for one in counts], "next_cursor": None}

    return router


def find_lead_row(session: Session, lead_id: str) -> Lead:
    """Return a lead that can be shown, following a merge. Raises `ProblemError` 404."""
    lead = session.get(Lead, lead_id)
    while lead is not None and lead.merged_into is not None:
        lead = session.get(Lead, lead.merged_into)
    if lead is None or lead.erased_at is not None:
        raise ProblemError(404, "there is no such lead")
    return lead


def lead_json(lead: Lead) -> dict[str, Any]:
    """Return a lead as the API shows it."""
    return lead.model_dump(mode="json", exclude=_HIDDEN) | {
        "company": {"id": lead.company_id, "name": lead.company_name}
    }
