"""The API of operating: journeys, scenarios, sending, the log. Nothing to do is a 409 with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, StrictBool, StrictStr
from sqlmodel import select

from leadloop.inbox.clocks import Clock
from leadloop.inbox.operations import commands, migrating, scenarios, sending
from leadloop.inbox.operations.links import TemporalPages
from leadloop.inbox.operations.log import Caller, operations_about
from leadloop.inbox.operations.moving import fate_of
from leadloop.inbox.operations.standing import standing
from leadloop.inbox.operations.view import journey_json, operation_json
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Operation
from leadloop.web.access import CALLER
from leadloop.web.paging import DEFAULT_LIMIT, listing, page
from leadloop.web.problems import ProblemError, problem
from leadloop.web.sales_api import Limit
from leadloop.web.strict_json import body_of, documented


class WhyBody(BaseModel):
    """Why, in words for the log; with `dry_run` nothing changes."""

    model_config = ConfigDict(extra="forbid")

    reason: StrictStr = ""
    dry_run: StrictBool = False


class PauseBody(WhyBody):
    clock: Clock | None = None
    """What waits do meanwhile; `run` where nothing is said."""


class MigrateBody(WhyBody):
    to: StrictStr | None = None
    """First letters of a version; the newest where nothing is said."""
    map: dict[StrictStr, StrictStr] = {}
    """Steps that the version lacks -> where people on them go."""


Run = Callable[[Environment, str, Caller], commands.JourneyResult]


def journeys_router(env: Environment, pages: TemporalPages) -> APIRouter:
    """Return the routes of the API of operating; `pages` are those of Temporal's Web UI."""
    router = APIRouter(prefix="/v1", tags=["operations"])
    _add_journeys(router, env, pages)
    _add_commands(router, env)
    _add_scenarios(router, env)
    _add_sending(router, env)

    @router.get("/status")
    def status() -> dict[str, Any]:
        """Say how sending and each scenario stand: people by step, due soon, held and why, paused."""
        with env.database.read() as session:
            return standing(session, env, pages)

    @router.get("/operations")
    def list_operations(
        scenario: str | None = None,
        journey: str | None = None,
        cursor: str | None = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> dict[str, Any]:
        statement = select(Operation)
        if scenario is not None:
            statement = statement.where(Operation.scenario == scenario)
        if journey is not None:
            statement = statement.where(Operation.enrolment_id == journey)
        with env.database.read() as session:
            rows, after = page(session, statement, Operation.at, Operation.id, cursor, limit)
        return listing(rows, after, operation_json)

    return router


def _add_journeys(router: APIRouter, env: Environment, pages: TemporalPages) -> None:
    @router.get("/journeys")
    def list_journeys(
        scenario: str | None = None,
        status: EnrolmentStatus | None = None,
        lead: str | None = None,
        cursor: str | None = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> dict[str, Any]:
        statement = select(Enrolment)
        if scenario is not None:
            statement = statement.where(Enrolment.scenario == scenario)
        if status is not None:
            statement = statement.where(Enrolment.status == status)
        if lead is not None:
            statement = statement.where(Enrolment.lead_id == lead)
        with env.database.read() as session:
            rows, after = page(session, statement, Enrolment.entered_at, Enrolment.id, cursor, limit)
            return listing(rows, after, lambda row: journey_json(session, env, row))

    @router.get("/journeys/{journey_id}")
    def get_journey(journey_id: str) -> dict[str, Any]:
        with env.database.read() as session:
            row = session.get(Enrolment, journey_id)
            if row is None:
                raise ProblemError(404, "there is no such journey")
            log = operations_about(session, [row])[row.id]
            return journey_json(session, env, row) | {
                "operations": [operation_json(one) for one in log],
                "temporal": pages.journey(row.id),
            }


def _add_commands(router: APIRouter, env: Environment) -> None:
    @router.post("/journeys/{journey_id}/pause", openapi_extra=documented(PauseBody))
    def pause(
        journey_id: str, request: Request, body: Annotated[PauseBody, Depends(body_of(PauseBody))]
    ) -> JSONResponse:
        """Pause a journey: it takes no turn, and no mail of it leaves."""

        def run(env: Environment, journey: str, caller: Caller) -> commands.JourneyResult:
            return commands.pause_journey(env, journey, caller, body.clock)

        return _journey_reply(env, run, journey_id, request, body)

    @router.post("/journeys/{journey_id}/resume", openapi_extra=documented(WhyBody))
    def resume(
        journey_id: str, request: Request, body: Annotated[WhyBody, Depends(body_of(WhyBody))]
    ) -> JSONResponse:
        """Let a paused journey go on."""
        return _journey_reply(env, commands.resume_journey, journey_id, request, body)

    @router.post("/journeys/{journey_id}/cancel", openapi_extra=documented(WhyBody))
    def cancel(
        journey_id: str, request: Request, body: Annotated[WhyBody, Depends(body_of(WhyBody))]
    ) -> JSONResponse:
        """End a journey now, with the outcome `cancelled`."""
        return _journey_reply(env, commands.cancel_journey, journey_id, request, body)

    @router.post("/journeys/{journey_id}/retry", openapi_extra=documented(WhyBody))
    def retry(
        journey_id: str, request: Request, body: Annotated[WhyBody, Depends(body_of(WhyBody))]
    ) -> JSONResponse:
        """Let a held journey try again in its next turn."""
        return _journey_reply(env, commands.retry_journey, journey_id, request, body)


def _add_scenarios(router: APIRouter, env: Environment) -> None:
    @router.post("/scenarios/{name}/pause", openapi_extra=documented(PauseBody))
    def pause(
        name: str, request: Request, body: Annotated[PauseBody, Depends(body_of(PauseBody))]
    ) -> JSONResponse:
        """Pause a scenario at once; its journeys are brought in line in the background."""
        result = scenarios.pause_scenario(env, name, caller_of(request, body), body.clock)
        return _reply(result.as_json(), result.no_op, body)

    @router.post("/scenarios/{name}/resume", openapi_extra=documented(WhyBody))
    def resume(
        name: str, request: Request, body: Annotated[WhyBody, Depends(body_of(WhyBody))]
    ) -> JSONResponse:
        """Let a paused scenario go on."""
        result = scenarios.resume_scenario(env, name, caller_of(request, body))
        return _reply(result.as_json(), result.no_op, body)

    @router.post("/scenarios/{name}/migrations", status_code=202, openapi_extra=documented(MigrateBody))
    def start_migration(
        name: str, request: Request, body: Annotated[MigrateBody, Depends(body_of(MigrateBody))]
    ) -> JSONResponse:
        """Move the open journeys to a version: each in its next turn. A dry run names what nothing maps."""
        result = migrating.migrate(env, name, caller_of(request, body), body.to, body.map)
        return _reply(result.as_json(), result.no_op, body, 200 if body.dry_run else 202)

    @router.get("/scenarios/{name}/migrations")
    def show_migration(
        name: str, to: str | None = None, cursor: str | None = None, limit: Limit = DEFAULT_LIMIT
    ) -> dict[str, Any]:
        """List the open journeys that are not on the version yet, and what each waits for."""
        with env.database.read() as session:
            digest = migrating.version_of(session, env, name, to)
            statement = select(Enrolment).where(*migrating.others(name, digest))
            rows, after = page(session, statement, Enrolment.entered_at, Enrolment.id, cursor, limit)
            found = listing(rows, after, lambda row: asdict(fate_of(session, digest, row)))
        return {"version": digest, **found}


def _add_sending(router: APIRouter, env: Environment) -> None:
    @router.get("/sending")
    def get_sending() -> dict[str, Any]:
        with env.database.read() as session:
            return sending.read_sending(session).as_json()

    @router.post("/sending/stop", openapi_extra=documented(WhyBody))
    def stop(request: Request, body: Annotated[WhyBody, Depends(body_of(WhyBody))]) -> JSONResponse:
        """Hold every mail from its next claim on."""
        result = sending.stop_sending(env, caller_of(request, body))
        return _reply(result.sending.as_json(), result.no_op, body)

    @router.post("/sending/start", openapi_extra=documented(WhyBody))
    def start(request: Request, body: Annotated[WhyBody, Depends(body_of(WhyBody))]) -> JSONResponse:
        """Let mails go again; those that were held follow by themselves."""
        result = sending.start_sending(env, caller_of(request, body))
        return _reply(result.sending.as_json(), result.no_op, body)


def caller_of(request: Request, body: WhyBody) -> Caller:
    """Return who asks: the name of the API key, or this machine."""
    known = request.scope.get(CALLER)
    return Caller(known.name if known is not None else "api", body.reason, body.dry_run)


def _journey_reply(
    env: Environment, run: Run, journey_id: str, request: Request, body: WhyBody
) -> JSONResponse:
    result = run(env, journey_id, caller_of(request, body))
    with env.database.read() as session:
        document = journey_json(session, env, result.journey)
    operation = operation_json(result.operation) if result.operation is not None else None
    return _reply(document | {"operation": operation}, result.no_op, body)


def _reply(document: dict[str, Any], no_op: str | None, body: WhyBody, status: int = 200) -> JSONResponse:
    if no_op is not None:
        return problem(409, "nothing was changed", reason=no_op, current=document)
    return JSONResponse(document | {"dry_run": body.dry_run}, status)
