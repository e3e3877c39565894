"""Pages for sales: hot leads with their reasons, tasks, and buttons that answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session, col, select

from leadloop.language.plan import Workspace
from leadloop.sales import commands
from leadloop.sales.assignment import OPEN as OPEN_OFFERS
from leadloop.sales.commands import CommandResult
from leadloop.sales.deals import current_deal_id
from leadloop.sales.offers import company_people
from leadloop.sales.tasks import OPEN as OPEN_TASKS
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead, Offer, Task
from leadloop.web.lead_view import display_name, leads_by_id
from leadloop.web.problems import ProblemError
from leadloop.web.rendering import Pages

_ASK = "ask:"
"""Before the name of an asked field in the form, so that no field can be taken for `outcome`."""
_OPEN_SHOWN = 200
_FINISHED_SHOWN = 20


@dataclass(frozen=True)
class Person:
    lead: Lead
    name: str


@dataclass(frozen=True)
class Question:
    """A lead field that a task asks for, with what is known of it."""

    name: str
    type: str
    choices: Sequence[str]
    value: str


@dataclass(frozen=True)
class OfferCard:
    offer: Offer
    lead: Lead
    name: str
    people: Sequence[Person] = ()
    """Of an offered company, who was active last first."""


@dataclass(frozen=True)
class TaskCard:
    task: Task
    lead: Lead
    name: str
    asks: Sequence[Question] = ()


async def _answers(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=20) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


Answers = Annotated[dict[str, str], Depends(_answers)]


def sales_pages_router(env: Environment, pages: Pages) -> APIRouter:
    """Return the routes of the pages for sales."""
    router = APIRouter(prefix="/sales", include_in_schema=False)
    _add_reading(router, env, pages)
    _add_answers(router, env, pages)
    return router


def _add_reading(router: APIRouter, env: Environment, pages: Pages) -> None:
    def workspace() -> Workspace:
        return env.publications.current().publication.workspace

    def render(request: Request, template: str, **values: Any) -> Response:
        reasons = workspace().lost_reasons
        return pages.render(request, template, lost_reasons=reasons, **values)

    @router.get("")
    def show_hot_leads(request: Request, owner: str = "") -> Response:
        with env.database.read() as session:
            offers = _offers(session, owner)
            tasks = _tasks(session, owner, workspace())
            finished = session.exec(
                select(Offer)
                .where(col(Offer.status).not_in(OPEN_OFFERS))
                .order_by(col(Offer.ended_at).desc())
                .limit(_FINISHED_SHOWN)
            ).all()
            done = _offer_cards(session, finished)
        owners = sorted({one.offer.assignee for one in offers} | {one.task.assignee for one in tasks})
        return render(
            request, "sales.html", offers=offers, tasks=tasks, finished=done, owner=owner, owners=owners
        )

    @router.get("/offers/{offer_id}")
    def show_offer(request: Request, offer_id: str) -> Response:
        with env.database.read() as session:
            offer = session.get(Offer, offer_id)
            cards = _offer_cards(session, [offer] if offer else [])
        if not cards:
            raise ProblemError(404, "there is no such offer")
        return render(request, "offer.html", card=cards[0])

    @router.get("/tasks/{task_id}")
    def show_task(request: Request, task_id: str) -> Response:
        with env.database.read() as session:
            task = session.get(Task, task_id)
            cards = _task_cards(session, [task] if task else [], workspace())
        if not cards:
            raise ProblemError(404, "there is no such task")
        return render(request, "task.html", card=cards[0])


def _add_answers(router: APIRouter, env: Environment, pages: Pages) -> None:
    def back(request: Request, result: CommandResult[Any], path: str) -> Response:
        if result.no_op is not None:
            text = f"This has changed in the meantime:\n{result.no_op.replace('_', ' ')}"
            return pages.error(request, 409, text)
        return RedirectResponse(path, 303)

    @router.post("/offers/{offer_id}/accept")
    def accept(request: Request, offer_id: str) -> Response:
        return back(request, commands.accept_offer(env, offer_id), f"/sales/offers/{offer_id}")

    @router.post("/offers/{offer_id}/reject")
    def reject(request: Request, offer_id: str, answers: Answers) -> Response:
        result = commands.reject_offer(env, offer_id, answers.get("reason", ""))
        return back(request, result, "/sales")

    @router.post("/offers/{offer_id}/working")
    def working(request: Request, offer_id: str) -> Response:
        return back(request, commands.working_offer(env, offer_id), f"/sales/offers/{offer_id}")

    @router.post("/offers/{offer_id}/won")
    def win(request: Request, offer_id: str) -> Response:
        lead_id, deal_id = deal_of_offer(offer_id)
        return back(request, commands.win_deal(env, deal_id, lead_id=lead_id), "/sales")

    @router.post("/offers/{offer_id}/lost")
    def lose(request: Request, offer_id: str, answers: Answers) -> Response:
        lead_id, deal_id = deal_of_offer(offer_id)
        result = commands.lose_deal(
            env,
            deal_id,
            reason=answers.get("reason", ""),
            revisit_on=answers.get("revisit_on", "").strip() or None,
            note=answers.get("note"),
            lead_id=lead_id,
        )
        return back(request, result, "/sales")

    @router.post("/tasks/{task_id}/done")
    def finish(request: Request, task_id: str, answers: Answers) -> Response:
        given = {name.removeprefix(_ASK): one for name, one in answers.items() if name.startswith(_ASK)}
        outcome, date = answers.get("outcome", ""), answers.get("date", "").strip() or None
        return back(request, commands.finish_task(env, task_id, outcome, answers=given, date=date), "/sales")

    def deal_of_offer(offer_id: str) -> tuple[str, str]:
        with env.database.read() as session:
            offer = session.get(Offer, offer_id)
            lead = session.get(Lead, offer.lead_id) if offer else None
            if offer is None or lead is None:
                raise ProblemError(404, "there is no such offer")
            closed = offer.status not in OPEN_OFFERS
            return lead.id, offer.id if closed else current_deal_id(session, lead)


def _offers(session: Session, owner: str) -> list[OfferCard]:
    statement = select(Offer).where(col(Offer.status).in_(OPEN_OFFERS))
    if owner:
        statement = statement.where(Offer.assignee == owner)
    rows = session.exec(statement.order_by(col(Offer.offered_at).desc()).limit(_OPEN_SHOWN)).all()
    return _offer_cards(session, sorted(rows, key=lambda one: one.status != "offered"))


def _tasks(session: Session, owner: str, workspace: Workspace) -> list[TaskCard]:
    statement = select(Task).where(col(Task.status).in_(OPEN_TASKS))
    if owner:
        statement = statement.where(Task.assignee == owner)
    rows = session.exec(statement.order_by(col(Task.due_at)).limit(_OPEN_SHOWN)).all()
    return _task_cards(session, rows, workspace)


def _offer_cards(session: Session, offers: Sequence[Offer]) -> list[OfferCard]:
    leads = leads_by_id(session, [one.lead_id for one in offers])
    return [
        OfferCard(
            one,
            leads[one.lead_id],
            display_name(leads[one.lead_id]),
            [Person(person, display_name(person)) for person in company_people(session, one)],
        )
        for one in offers
    ]


def _task_cards(session: Session, tasks: Sequence[Task], workspace: Workspace) -> list[TaskCard]:
    leads = leads_by_id(session, [one.lead_id for one in tasks])
    return [
        TaskCard(
            one,
            leads[one.lead_id],
            display_name(leads[one.lead_id]),
            [_question(name, leads[one.lead_id], workspace) for name in one.asks],
        )
        for one in tasks
    ]


def _question(name: str, lead: Lead, workspace: Workspace) -> Question:
    spec = workspace.lead_fields.get(name)
    column = "company_name" if name == "company" else name
    value = lead.fields.get(name) if spec is not None else getattr(lead, column, None)
    kind, choices = (spec.type, spec.values) if spec is not None else ("text", ())
    if kind == "bool":
        value = None if value is None else ("yes" if value else "no")
    return Question(name, kind, choices, "" if value is None else str(value))
