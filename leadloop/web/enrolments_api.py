"""`POST /v1/scenarios/{name}/enrolments`: enter leads into a scenario that has a manual entry."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

from leadloop.inbox.entries.enrolling import EnrolError, EnrolResult, NoSuchScenarioError, enrol_leads
from leadloop.storage.environment import Environment
from leadloop.web.problems import ProblemError, field_error
from leadloop.web.strict_json import body_of, documented

MAX_LEADS = 1000


class EnrolBody(BaseModel):
    """Who is to enter."""

    model_config = ConfigDict(extra="forbid")

    leads: list[StrictStr] = Field(min_length=1, max_length=MAX_LEADS)
    """Ids or mail addresses."""
    record: StrictStr | None = None
    """Key of the record that the journeys run for, where the scenario is `per:` a record."""
    key: StrictStr | None = None
    """The same key asks once per lead, however often it comes."""
    dry_run: StrictBool = False


def enrolments_router(env: Environment) -> APIRouter:
    """Return the route of the enrolment API."""
    router = APIRouter(prefix="/v1", tags=["scenarios"])

    @router.post("/scenarios/{name}/enrolments", openapi_extra=documented(EnrolBody))
    def enrol(name: str, body: Annotated[EnrolBody, Depends(body_of(EnrolBody))]) -> dict[str, Any]:
        """Answer for each lead whether it entered, and why not. Who did not is no error."""
        try:
            results = enrol_leads(
                env, name, body.leads, record=body.record, key=body.key, dry_run=body.dry_run
            )
        except NoSuchScenarioError as error:
            raise ProblemError(404, error.message) from None
        except EnrolError as error:
            errors = [field_error(error.field, error.message)]
            raise ProblemError(422, "nobody was entered", errors) from None
        return {"items": [enrolment_json(one) for one in results], "dry_run": body.dry_run}

    return router


def enrolment_json(result: EnrolResult) -> dict[str, Any]:
    """Return one result as the API and the command show it."""
    return {
        "named": result.named,
        "lead": result.lead_id,
        "status": result.status,
        "code": result.code,
        "reason": result.reason,
        "other": result.other,
        "until": result.until.isoformat() if result.until else None,
    }
