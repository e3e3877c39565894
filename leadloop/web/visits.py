"""The script for web pages (`/t/js`), and where it reports what people look at (`/t/v`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from leadloop.inbox.ingestion.group_commit import GroupCommit
from leadloop.inbox.ingestion.visits import Visit, record_visits
from leadloop.storage.environment import Environment
from leadloop.web.problems import ProblemError, field_error
from leadloop.web.strict_json import JsonError, parse

_SCRIPT = (Path(__file__).parent / "static" / "track.js").read_bytes()
_TAG = f'"{hashlib.sha256(_SCRIPT).hexdigest()[:16]}"'
_HOUR = 3600
_BODY_LIMIT = 16_000
"""Bytes: what browsers send with a beacon is limited too (Beacon standard: 64 KiB in flight)."""
_VISITS_LIMIT = 20


class _Reported(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern="^[0-9a-f]{32}$")
    type: str = Field(pattern="^page_viewed$")
    """A page can say that it was viewed, nothing else: anybody can write what a browser sends."""
    properties: dict[str, Any] = Field(default_factory=dict, max_length=10)


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid")

    visitor: str = Field(pattern="^[0-9a-f]{32}$")
    visits: Annotated[list[_Reported], Field(min_length=1, max_length=_VISITS_LIMIT)]


def visits_router(
    env: Environment, commits: GroupCommit, public_url: str, sites: Iterable[str] = ()
) -> APIRouter:
    """Return the routes of the script. `sites` are the origins whose pages may report, besides our own."""
    router = APIRouter(prefix="/t", include_in_schema=False)
    allowed = frozenset({origin_of(public_url), *(origin_of(site) for site in sites)})

    @router.get("/js")
    def script(request: Request) -> Response:
        headers = {
            "Cache-Control": f"public, max-age={_HOUR}",
            "ETag": _TAG,
            "Cross-Origin-Resource-Policy": "cross-origin",  # it is made for other sites
        }
        if request.headers.get("if-none-match") == _TAG:
            return Response(status_code=304, headers=headers)
        return Response(_SCRIPT, media_type="text/javascript; charset=utf-8", headers=headers)

    @router.post("/v")
    async def report(request: Request) -> Response:
        origin = request.headers.get("origin", "")
        own = f"{request.url.scheme}://{request.headers.get('host', '')}"
        if origin_of(origin) not in allowed and origin_of(origin) != origin_of(own):
            raise ProblemError(403, "pages of this origin may not report: add it to LEADLOOP_SITES")
        read = _read(await request.body())
        visits = [Visit(one.id, one.type, one.properties) for one in read.visits]

        results = await run_in_threadpool(
            commits.run, lambda session: record_visits(session, env, read.visitor, visits), read.visitor
        )
        refused = [
            field_error(f"visits[{index}].{result.field}", result.problem or "")
            for index, result in enumerate(results)
            if result.status == "invalid"
        ]
        if refused:
            raise ProblemError(422, "not every visit was recorded", refused)
        return Response(status_code=204)

    return router


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address as browsers write them (RFC 6454); empty for none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    usual = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if usual else f":{port}")


def _read(body: bytes) -> _Report:
    if len(body) > _BODY_LIMIT:
        raise ProblemError(413, f"a report has at most {_BODY_LIMIT} bytes")
    try:
        return _Report.model_validate(parse(body))
    except JsonError as error:
        raise ProblemError(400, str(error)) from None
    except ValidationError as error:
        found = [
            field_error(".".join(str(part) for part in one["loc"]), one["msg"]) for one in error.errors()
        ]
        raise ProblemError(422, "the report was not recorded", found) from None
