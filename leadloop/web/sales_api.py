"""The API of sales: offers, deals, tasks. A command that comes too late is a 409 with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt
from sqlmodel import select

from leadloop.sales import commands
from leadloop.sales.commands import CommandResult
from leadloop.sales.offers import company_people
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Deal, DealStatus, Offer, OfferStatus, Task, TaskStatus
from leadloop.web.paging import DEFAULT_LIMIT, MAX_LIMIT, listing, page
from leadloop.web.problems import ProblemError, problem
from leadloop.web.strict_json import body_of, documented

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RejectBody(_Body):
    reason: str = ""


class OpenDealBody(_Body):
    lead: str
    id: str | None = None
    offer: str | None = None
    amount: StrictInt | None = None


class WonBody(_Body):
    lead: str | None = None
    amount: StrictInt | None = None


class LostBody(_Body):
    reason: str
    revisit_on: str | None = None
    note: str | None = None
    lead: str | None = None
    amount: StrictInt | None = None


class DoneBody(_Body):
    outcome: str
    answers: dict[str, str | StrictInt | StrictBool | None] = {}
    """Lead field that the task asks for -> value."""
    date: str | None = None
    """A day or a month, where the task asks for one."""


class EmptyBody(_Body):
    pass


def sales_router(env: Environment) -> APIRouter:
    """Return the routes of the sales API."""
    router = APIRouter(prefix="/v1", tags=["sales"])
    _add_offers(router, env)
    _add_deals(router, env)
    _add_tasks(router, env)
    return router


def _add_offers(router: APIRouter, env: Environment) -> None:
    @router.get("/offers")
    def list_offers(
        status: OfferStatus | None = None, cursor: str | None = None, limit: Limit = DEFAULT_LIMIT
    ) -> dict[str, Any]:
        statement = select(Offer)
        if status is not None:
            statement = statement.where(Offer.status == status)
        with env.database.read() as session:
            rows, after = page(session, statement, Offer.offered_at, Offer.id, cursor, limit)
        return listing(rows, after, offer_json)

    @router.get("/offers/{offer_id}")
    def get_offer(offer_id: str) -> dict[str, Any]:
        with env.database.read() as session:
            offer = session.get(Offer, offer_id)
            people = [one.id for one in company_people(session, offer)] if offer is not None else []
        if offer is None:
            raise ProblemError(404, "there is no such offer")
        return offer_json(offer) | ({"people": people} if offer.what == "company" else {})

    @router.post("/offers/{offer_id}/accept")
    def accept(offer_id: str, _body: Annotated[EmptyBody, Depends(body_of(EmptyBody))]) -> JSONResponse:
        return _reply(commands.accept_offer(env, offer_id), offer_json)

    @router.post("/offers/{offer_id}/reject", openapi_extra=documented(RejectBody))
    def reject(offer_id: str, body: Annotated[RejectBody, Depends(body_of(RejectBody))]) -> JSONResponse:
        return _reply(commands.reject_offer(env, offer_id, body.reason), offer_json)

    @router.post("/offers/{offer_id}/working")
    def working(offer_id: str, _body: Annotated[EmptyBody, Depends(body_of(EmptyBody))]) -> JSONResponse:
        return _reply(commands.working_offer(env, offer_id), offer_json)


def _add_deals(router: APIRouter, env: Environment) -> None:
    @router.get("/deals")
    def list_deals(
        status: DealStatus | None = None,
        lead: str | None = None,
        cursor: str | None = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> dict[str, Any]:
        statement = select(Deal)
        if status is not None:
            statement = statement.where(Deal.status == status)
        if lead is not None:
            statement = statement.where(Deal.lead_id == lead)
        with env.database.read() as session:
            rows, after = page(session, statement, Deal.opened_at, Deal.id, cursor, limit)
        return listing(rows, after, deal_json)

    @router.post("/deals", status_code=201, openapi_extra=documented(OpenDealBody))
    def open_deal(body: Annotated[OpenDealBody, Depends(body_of(OpenDealBody))]) -> JSONResponse:
        result = commands.open_deal(env, body.lead, deal_id=body.id, offer_id=body.offer, amount=body.amount)
        return _reply(result, deal_json, 201)

    @router.get("/deals/{deal_id}")
    def get_deal(deal_id: str) -> dict[str, Any]:
        with env.database.read() as session:
            deal = session.get(Deal, deal_id)
        if deal is None:
            raise ProblemError(404, "there is no such deal")
        return deal_json(deal)

    @router.post("/deals/{deal_id}/won", openapi_extra=documented(WonBody))
    def win(deal_id: str, body: Annotated[WonBody, Depends(body_of(WonBody))]) -> JSONResponse:
        result = commands.win_deal(env, deal_id, lead_id=body.lead, amount=body.amount)
        return _reply(result, deal_json)

    @router.post("/deals/{deal_id}/lost", openapi_extra=documented(LostBody))
    def lose(deal_id: str, body: Annotated[LostBody, Depends(body_of(LostBody))]) -> JSONResponse:
        result = commands.lose_deal(
            env,
            deal_id,
            reason=body.reason,
            revisit_on=body.revisit_on,
            note=body.note,
            amount=body.amount,
            lead_id=body.lead,
        )
        return _reply(result, deal_json)


def _add_tasks(router: APIRouter, env: Environment) -> None:
    @router.get("/tasks")
    def list_tasks(
        status: TaskStatus | None = None, cursor: str | None = None, limit: Limit = DEFAULT_LIMIT
    ) -> dict[str, Any]:
        statement = select(Task)
        if status is not None:
            statement = statement.where(Task.status == status)
        with env.database.read() as session:
            rows, after = page(session, statement, Task.created_at, Task.id, cursor, limit)
        return listing(rows, after, task_json)

    @router.post("/tasks/{task_id}/done", openapi_extra=documented(DoneBody))
    def finish(task_id: str, body: Annotated[DoneBody, Depends(body_of(DoneBody))]) -> JSONResponse:
        result = commands.finish_task(env, task_id, body.outcome, answers=body.answers, date=body.date)
        return _reply(result, task_json)


def _reply(
    result: CommandResult[Any], shape: Callable[[Any], dict[str, Any]], status: int = 200
) -> JSONResponse:
    if result.no_op is not None:
        return problem(409, "nothing was changed", reason=result.no_op, current=shape(result.row))
    return JSONResponse(shape(result.row), status)


def offer_json(offer: Offer) -> dict[str, Any]:
    """Return an offer as the API shows it."""
    return offer.model_dump(
        mode="json", exclude={"offer_key", "enrolment_id", "step_id", "visit", "lead_id", "company_id"}
    ) | {"lead": offer.lead_id, "company": offer.company_id}


def deal_json(deal: Deal) -> dict[str, Any]:
    """Return a deal as the API shows it; `amount` in minor units of `currency`."""
    return deal.model_dump(mode="json", exclude={"lead_id", "company_id", "offer_id"}) | {
        "lead": deal.lead_id,
        "company": deal.company_id,
        "offer": deal.offer_id,
    }


def task_json(task: Task) -> dict[str, Any]:
    """Return a task as the API shows it."""
    return task.model_dump(
        mode="json", exclude={"task_key", "enrolment_id", "step_id", "visit", "lead_id"}
    ) | {"lead": task.lead_id}
