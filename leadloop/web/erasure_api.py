"""`DELETE /v1/leads/{id}`: erase a person."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from leadloop.delivery.mailbox import Mailbox
from leadloop.inbox.erasure import erase_lead
from leadloop.storage.database import RowMissingError
from leadloop.storage.environment import Environment
from leadloop.web.access import CALLER
from leadloop.web.problems import ProblemError


def erasure_router(env: Environment, mailbox: Mailbox | None) -> APIRouter:
    """Return the route that erases leads."""
    router = APIRouter(prefix="/v1", tags=["leads"])

    @router.delete("/leads/{lead_id}")
    def delete_lead(request: Request, lead_id: str, dry_run: bool = False) -> dict[str, Any]:
        """End the person's journeys at once and delete what says who it was. It cannot be undone.

        Asked again, it answers `erased_before`.
        """
        try:
            erasure = erase_lead(env, lead_id, request.scope[CALLER].id, dry_run=dry_run)
        except RowMissingError:
            raise ProblemError(404, "there is no such lead") from None
        if mailbox is not None and not dry_run:
            mailbox.forget(erasure.messages)
        return erasure.as_json() | {"dry_run": dry_run}

    return router
