"""`POST /v1/events`: facts from outside, one or many, each counted once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from leadloop.inbox.ingest import IncomingEvent, IngestResult, ingest
from leadloop.language.suggest import Suggestion
from leadloop.storage.environment import Environment
from leadloop.web.problems import ProblemError, field_error, problem
from leadloop.web.strict_json import json_body

MAX_BATCH = 1000
_FIELDS = ("type", "lead", "email", "properties", "id", "occurred_at")
_OWN = frozenset(
    {"lead_created", "email_sent", "handed_off", "stage_changed", "band_changed", "task_done",
     "handoff_accepted", "handoff_rejected", "handoff_working", "subscribed",
     "record_changed", "company_changed", "entry_due", "enrol_requested", "entry_repeated",
     "segment_entered", "segment_left", "score_crossed"}
)  # fmt: skip
"""Events that only leadloop records: from outside they would say what never happened here."""


class _ItemError(Exception):
    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.result = IngestResult("invalid", field=field, problem=text)


def events_router(env: Environment) -> APIRouter:
    """Return the route of the events API."""
    router = APIRouter(prefix="/v1", tags=["events"])

    @router.post("/events", status_code=202, openapi_extra=_OPENAPI)
    def post_events(body: Annotated[Any, Depends(json_body)]) -> JSONResponse:
        """Record one event or up to 1000. 202 means: stored, and counted once per `id`."""
        if isinstance(body, list):
            return _post_many(env, body)
        return _post_one(env, body)

    return router


def _post_one(env: Environment, body: Any) -> JSONResponse:
    result = _store(env, [body])[0]
    if result.status == "invalid":
        errors = [field_error(result.field, result.problem or "")]
        return problem(422, "the event was not recorded", errors)
    if result.status == "conflict":
        return problem(409, "this id was used for another event", event=result.event_id)
    return JSONResponse(_shape(result), 202)


def _post_many(env: Environment, body: list[Any]) -> JSONResponse:
    if not 0 < len(body) <= MAX_BATCH:
        raise ProblemError(422, f"send 1 to {MAX_BATCH} events at a time")
    results = _store(env, body)
    items = [_shape(one) for one in results]
    if all(one.status == "invalid" for one in results):
        return problem(422, "none of the events was recorded", items=items)
    return JSONResponse({"items": items}, 202)


def _store(env: Environment, items: Sequence[Any]) -> list[IngestResult]:
    """Ingest what can be read, in one transaction, and return one result per item, in order."""
    results: list[IngestResult | None] = []
    readable: list[IncomingEvent] = []
    for item in items:
        try:
            readable.append(_read(item))
            results.append(None)
        except _ItemError as error:
            results.append(error.result)
    if readable:
        with env.database.write() as session:
            stored = iter(ingest(session, env, readable))
            results = [next(stored) if one is None else one for one in results]
    return [one for one in results if one is not None]


def _read(item: Any) -> IncomingEvent:
    if not isinstance(item, dict):
        raise _ItemError("", "an event is an object")
    for name in item:
        if name not in _FIELDS:
            raise _ItemError(name[:60], f"unknown field; {Suggestion(name, _FIELDS)}")
    event_type = _text(item, "type")
    if event_type is None:
        raise _ItemError("type", "an event names its type")
    if event_type in _OWN:
        raise _ItemError("type", "leadloop records this event itself")
    properties = item.get("properties")
    if properties is not None and not isinstance(properties, dict):
        raise _ItemError("properties", "expected an object")
    return IncomingEvent(
        type=event_type,
        properties=properties or {},
        lead_id=_text(item, "lead"),
        email=_text(item, "email"),
        external_id=_text(item, "id"),
        occurred_at=_instant(item),
    )


def _text(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        raise _ItemError(name, "expected a text")
    return value


def _instant(item: dict[str, Any]) -> datetime | None:
    text = _text(item, "occurred_at")
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _ItemError("occurred_at", "expected a time such as 2026-11-22T10:00:00+09:00") from None


def _shape(result: IngestResult) -> dict[str, Any]:
    if result.status in {"accepted", "duplicate"}:
        return {
            "status": result.status,
            "event": result.event_id,
            "lead": result.lead_id,
            "duplicate": result.status == "duplicate",
        }
    return {"status": result.status, "errors": [field_error(result.field, result.problem or "")]}


_EVENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "description": "an event of the workspace"},
        "lead": {"type": "string", "description": "id of the lead; or give `email`"},
        "email": {"type": "string"},
        "properties": {"type": "object"},
        "id": {"type": "string", "maxLength": 200, "description": "the same id counts once"},
        "occurred_at": {"type": "string", "format": "date-time"},
    },
}
_OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        _EVENT_SCHEMA,
                        {"type": "array", "items": _EVENT_SCHEMA, "maxItems": MAX_BATCH},
                    ]
                }
            }
        },
    }
}
