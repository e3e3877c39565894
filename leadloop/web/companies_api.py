"""The API of companies: their owner, stage, domain and time zone, put by id, name or domain."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, StrictStr

from leadloop.leads.company_values import (
    CompanyError,
    IncomingCompany,
    NoSuchCompanyError,
    company_by_key,
    upsert_company,
)
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company
from leadloop.web.problems import ProblemError, field_error
from leadloop.web.strict_json import body_of, documented


class CompanyBody(BaseModel):
    """A company. What is not named stays as it is; null clears it."""

    model_config = ConfigDict(extra="forbid")

    name: StrictStr | None = None
    domain: StrictStr | None = None
    """Of its people's addresses; without it the domain of the first one who is attached."""
    owner: StrictStr | None = None
    """Mail address of the sales person."""
    stage: StrictStr | None = None
    timezone: StrictStr | None = None
    """IANA name."""


def companies_router(env: Environment) -> APIRouter:
    """Return the routes of the companies API."""
    router = APIRouter(prefix="/v1", tags=["companies"])

    @router.put("/companies/{key}", openapi_extra=documented(CompanyBody))
    def put_company(key: str, body: Annotated[CompanyBody, Depends(body_of(CompanyBody))]) -> JSONResponse:
        """Create a company, or change what is named. 201 where it is new."""
        incoming = IncomingCompany(key, body.model_dump(exclude_unset=True))
        try:
            result = upsert_company(env, incoming)
        except NoSuchCompanyError as error:
            raise ProblemError(404, error.problems[0].problem) from None
        except CompanyError as error:
            errors = [field_error(one.field, one.problem) for one in error.problems]
            raise ProblemError(422, "the company was not stored", errors) from None
        document = company_json(result.company) | {"status": result.status, "changed": list(result.changed)}
        return JSONResponse(document, 201 if result.status == "created" else 200)

    @router.get("/companies/{key}")
    def get_company(key: str) -> dict[str, Any]:
        with env.database.read() as session:
            company = company_by_key(session, key)
        if company is None:
            raise ProblemError(404, "there is no such company")
        return company_json(company)

    return router


def company_json(company: Company) -> dict[str, Any]:
    """Return a company as the API shows it."""
    return company.model_dump(mode="json", exclude={"name_key"})
