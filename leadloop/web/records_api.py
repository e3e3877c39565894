"""The API of records: things that are not people, put by key; the same body again changes nothing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, StrictStr
from sqlmodel import select

from leadloop.leads.records import (
    IncomingRecord,
    NoSuchKindError,
    RecordError,
    RecordProblem,
    record_kind,
    upsert_record,
)
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Record
from leadloop.web.paging import DEFAULT_LIMIT, listing, page
from leadloop.web.problems import ProblemError, field_error
from leadloop.web.sales_api import Limit
from leadloop.web.strict_json import body_of, documented


class RecordBody(BaseModel):
    """A record. Fields that are not named stay as they are; null clears one."""

    model_config = ConfigDict(extra="forbid")

    fields: dict[str, Any] = {}
    lead: StrictStr | None = None
    """Id or mail address: whose it is, or the contact of a company's record."""
    company: StrictStr | None = None
    """Id or name."""


def records_router(env: Environment) -> APIRouter:
    """Return the routes of the records API."""
    router = APIRouter(prefix="/v1", tags=["records"])

    @router.put("/records/{kind}/{key}", openapi_extra=documented(RecordBody))
    def put_record(
        kind: str, key: str, body: Annotated[RecordBody, Depends(body_of(RecordBody))]
    ) -> JSONResponse:
        """Create a record, or change the fields that are named. 201 where it is new."""
        incoming = IncomingRecord(kind, key, body.fields, body.lead, body.company)
        try:
            result = upsert_record(env, incoming)
        except NoSuchKindError as error:
            raise _problem(404, error.problems) from None
        except RecordError as error:
            raise _problem(422, error.problems) from None
        document = record_json(result.record) | {"status": result.status, "changed": list(result.changed)}
        return JSONResponse(document, 201 if result.status == "created" else 200)

    @router.get("/records/{kind}/{key}")
    def get_record(kind: str, key: str) -> dict[str, Any]:
        with env.database.read() as session:
            record = session.get(Record, (kind, key))
        if record is None:
            raise ProblemError(404, "there is no such record")
        return record_json(record)

    @router.get("/records/{kind}")
    def list_records(kind: str, cursor: str | None = None, limit: Limit = DEFAULT_LIMIT) -> dict[str, Any]:
        with env.database.read() as session:
            try:
                record_kind(env, session, kind)
            except NoSuchKindError as error:
                raise _problem(404, error.problems) from None
            statement = select(Record).where(Record.kind == kind)
            rows, after = page(session, statement, Record.created_at, Record.key, cursor, limit)
        return listing(rows, after, record_json)

    return router


def record_json(record: Record) -> dict[str, Any]:
    """Return a record as the API shows it; dates and instants as ISO 8601 text, instants in UTC."""
    return record.model_dump(mode="json", exclude={"lead_id", "company_id"}) | {
        "lead": record.lead_id,
        "company": record.company_id,
    }


def _problem(status: int, problems: tuple[RecordProblem, ...]) -> ProblemError:
    if status == 404:
        return ProblemError(404, problems[0].problem)
    errors = [field_error(one.field, one.problem) for one in problems]
    return ProblemError(status, "the record was not stored", errors)
