"""`POST /v1/events`: facts from outside, one or many, each counted once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from leadloop.inbox.ingestion.group_commit import GroupCommit, RequestKey
from leadloop.inbox.ingestion.ingest import IncomingEvent, IngestResult
from leadloop.storage.environment import Environment
from leadloop.web.access import CALLER, SIGNED
from leadloop.web.api_keys import Caller
from leadloop.web.event_items import ItemError, read_item
from leadloop.web.live import LivePublication
from leadloop.web.problems import ProblemError, field_error, problem
from leadloop.web.raw_bodies import Bodies, unpacked
from leadloop.web.signed_requests import Signatures
from leadloop.web.strict_json import JsonError, json_problem, parse

MAX_BATCH = 1000
_KEY_LIMIT = 100
_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})


def events_router(env: Environment, commits: GroupCommit, signatures: Signatures) -> APIRouter:
    """Return the route of the events API."""
    router = APIRouter(prefix="/v1", tags=["events"])
    endpoint = _Endpoint(env, commits, signatures)

    @router.post("/events", status_code=202, openapi_extra=_OPENAPI)
    async def post_events(request: Request) -> Response:
        """Record one event or up to 1000. 202 means: stored, and counted once per `id`."""
        return await endpoint.answer(request)

    return router


class _Endpoint:
    """Reads a request, has it stored with others, and answers item by item."""

    def __init__(self, env: Environment, commits: GroupCommit, signatures: Signatures) -> None:
        self._env = env
        self._commits = commits
        self._signatures = signatures
        self._bodies = Bodies()
        self._live = LivePublication(env)

    async def answer(self, request: Request) -> Response:
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        in_lines = media_type in _LINES
        if not in_lines and media_type != "application/json" and not media_type.endswith("+json"):
            raise ProblemError(415, "send the body as application/json or application/x-ndjson")
        body = await self._bodies.read(request)
        key = self._request_key(request, body)
        plain = unpacked(request, body)
        if in_lines:
            items = _read_lines(plain)
        else:
            value = _parse(plain)
            if not isinstance(value, list):
                return _answer_one((await self._record([value], key))[0])
            items = value
        if not 0 < len(items) <= MAX_BATCH:
            raise ProblemError(422, f"send 1 to {MAX_BATCH} events at a time")
        return _answer_many(await self._record(items, key))

    def _request_key(self, request: Request, body: bytes) -> RequestKey | None:
        """Return what names the whole request: the id of a signed one, or an `Idempotency-Key`."""
        request_id: str | None
        if request.scope.get(SIGNED):
            caller, request_id = self._signatures.signer(request, body)
        else:
            found: Caller = request.scope[CALLER]
            caller, request_id = found, request.headers.get("idempotency-key")
        if request_id is None:
            return None
        if not 0 < len(request_id) <= _KEY_LIMIT or not request_id.isprintable():
            raise ProblemError(400, f"an `Idempotency-Key` has 1 to {_KEY_LIMIT} characters")
        return RequestKey(caller.id, request_id, self._env.keys.hash("request-body", body.hex()))

    async def _record(self, items: Sequence[Any], key: RequestKey | None) -> list[IngestResult]:
        """Have the items stored that can be read; return one result per item, in order."""
        workspace = (await self._live.current()).publication.workspace
        results: list[IngestResult | None] = [None] * len(items)
        readable: list[IncomingEvent] = []
        for place, item in enumerate(items):
            try:
                if isinstance(item, JsonError):
                    raise ItemError(item.field, item.text)
                fallback = f"request:{key.caller}:{key.request_id}:{place}" if key else None
                readable.append(read_item(item, workspace, fallback))
            except ItemError as error:
                results[place] = error.result
        if readable:
            future = self._commits.submit(readable, key)
            found: list[IngestResult] = await asyncio.wrap_future(future)
            stored = iter(found)
            results = [next(stored) if one is None else one for one in results]
        return [one for one in results if one is not None]


def _parse(body: bytes) -> Any:
    try:
        return parse(body)
    except JsonError as error:
        raise json_problem(error) from None


def _read_lines(body: bytes) -> list[Any]:
    """Return the values of NDJSON, a `JsonError` in place of a line that is none. Empty lines are not."""
    lines = [line for line in body.split(b"\n", MAX_BATCH * 2) if line.strip()]
    if len(lines) > MAX_BATCH:
        raise ProblemError(422, f"send 1 to {MAX_BATCH} events at a time")
    return [_read_line(line) for line in lines]


def _read_line(line: bytes) -> Any:
    try:
        return parse(line)
    except JsonError as error:
        return error


def _answer_one(result: IngestResult) -> Response:
    if result.status == "invalid":
        errors = [field_error(result.field, result.problem or "")]
        return problem(422, "the event was not recorded", errors)
    if result.status == "conflict":
        return problem(409, "this id was used for another event", event=result.event_id)
    return JSONResponse(_shape(result), 202)


def _answer_many(results: list[IngestResult]) -> Response:
    items = [{"index": place, **_shape(one)} for place, one in enumerate(results)]
    statuses = {one.status for one in results}
    if statuses == {"invalid"}:
        return problem(422, "none of the events was recorded", items=items)
    if statuses == {"conflict"}:
        return problem(409, "these ids were used for other events", items=items)
    return JSONResponse({"items": items}, 202)


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
        "fields": {"type": "object", "description": "lead fields; only with `identify`"},
        "consent": {
            "description": "true, or topics; only with `identify`",
            "oneOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "string"}}],
        },
        "visitor": {"type": "string", "description": "id of the browser; only with `identify`"},
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
            },
            "application/x-ndjson": {"schema": {"type": "string", "description": "an event a line"}},
        },
    }
}
