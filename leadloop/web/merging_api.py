"""`POST /v1/leads/{id}/merge`: say that two leads are one person."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from leadloop.inbox.merging import merge_leads
from leadloop.inbox.operations.log import Caller
from leadloop.storage.environment import Environment
from leadloop.web.access import CALLER
from leadloop.web.strict_json import body_of, documented


class MergeBody(BaseModel):
    """Which lead goes."""

    model_config = ConfigDict(extra="forbid")

    other: str = Field(description="id of the lead that is merged into the one of the address")
    reason: str = Field(default="", description="why, for the log of operations")


def merging_router(env: Environment) -> APIRouter:
    """Return the route that merges leads."""
    router = APIRouter(prefix="/v1", tags=["leads"])

    @router.post("/leads/{lead_id}/merge", openapi_extra=documented(MergeBody))
    def merge(
        request: Request,
        lead_id: str,
        body: Annotated[MergeBody, Depends(body_of(MergeBody))],
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Merge another lead into this one. It cannot be undone; `dry_run` says what would happen."""
        caller = Caller(request.scope[CALLER].id, body.reason, dry_run=dry_run)
        return merge_leads(env, lead_id, body.other, caller).as_json() | {"dry_run": dry_run}

    return router
