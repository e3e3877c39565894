"""What sales does, by API, page or command line: one event each, applied at once.

Every command is one write transaction: lock the lead, apply what is pending, check, ingest one
event, apply it. A command that comes too late changes nothing and says why in `no_op`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from sqlmodel import Session, SQLModel

from leadloop.inbox.apply import apply_pending
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.leads.fields import read_identity
from leadloop.leads.values import is_empty
from leadloop.sales.deals import RevisitError, deal_refusal, last_day, revisit_date
from leadloop.sales.offers import refusal
from leadloop.sales.tasks import task_refusal
from leadloop.storage.columns import new_id
from leadloop.storage.database import RowMissingError, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Deal, Event, Lead, Offer, Task

_Row = TypeVar("_Row", bound=SQLModel)
_NOTE_LIMIT = 2000
_ID_LIMIT = 100


class SalesError(Exception):
    """A command that cannot be carried out. `code` is `not_found`, `invalid` or `not_applied`."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


@dataclass(frozen=True)
class CommandResult(Generic[_Row]):
    """The row after the command; `no_op` says why nothing changed, for example `already_won`."""

    row: _Row
    no_op: str | None = None


def accept_offer(env: Environment, offer_id: str) -> CommandResult[Offer]:
    """Accept an offered lead. Raises `SalesError` where there is no such offer."""
    return _answer(env, offer_id, "handoff_accepted", f"offer:{offer_id}:accepted")


def reject_offer(env: Environment, offer_id: str, reason: str = "") -> CommandResult[Offer]:
    """Give an offered or accepted lead back to marketing, with a reason in words."""
    return _answer(env, offer_id, "handoff_rejected", f"offer:{offer_id}:rejected", reason=_text(reason))


def working_offer(env: Environment, offer_id: str) -> CommandResult[Offer]:
    """Say that sales still works on an accepted lead."""
    return _answer(env, offer_id, "handoff_working", f"offer:{offer_id}:working:{new_id()}")


def open_deal(
    env: Environment,
    lead_id: str,
    *,
    deal_id: str | None = None,
    offer_id: str | None = None,
    amount: int | None = None,
) -> CommandResult[Deal]:
    """Open a deal, or open a lost one again. `amount` is in minor units of the currency."""
    deal_id = _deal_id(deal_id)
    properties = {"deal": deal_id, "amount": _amount(amount), "offer": offer_id}
    with env.database.write() as session:
        lead = _lock(session, env, lead_id)
        offer = session.get(Offer, offer_id) if offer_id else None
        if offer_id and (offer is None or offer.lead_id != lead.id):
            raise SalesError("invalid", "this lead has no such offer", "offer")
        return _deal_command(session, env, lead, "deal_opened", "opened", properties)


def win_deal(
    env: Environment, deal_id: str, *, lead_id: str | None = None, amount: int | None = None
) -> CommandResult[Deal]:
    """Win a deal. One that is unknown here is made, closed, when `lead_id` says whose it is."""
    properties = {"deal": _deal_id(deal_id), "amount": _amount(amount)}
    with env.database.write() as session:
        lead = _lock(session, env, _lead_of(session, deal_id, lead_id))
        return _deal_command(session, env, lead, "deal_won", "won", properties)


def lose_deal(
    env: Environment,
    deal_id: str,
    *,
    reason: str,
    revisit_on: str | None = None,
    note: str | None = None,
    amount: int | None = None,
    lead_id: str | None = None,
) -> CommandResult[Deal]:
    """Lose a deal, for a declared reason. `revisit_on` is a month (2027-04) or a day to ask again.

    One that is unknown here is made, closed, when `lead_id` says whose it is.
    """
    properties = {
        "deal": _deal_id(deal_id),
        "reason": reason,
        "revisit_on": _revisit(env, revisit_on),
        "note": _text(note),
        "amount": _amount(amount),
    }
    reasons = env.publications.current().publication.workspace.lost_reasons
    if reason not in reasons:
        raise SalesError("invalid", "no such lost reason; known: " + ", ".join(sorted(reasons)), "reason")
    with env.database.write() as session:
        lead = _lock(session, env, _lead_of(session, deal_id, lead_id))
        return _deal_command(session, env, lead, "deal_lost", "lost", properties)


def finish_task(
    env: Environment,
    task_id: str,
    outcome: str,
    *,
    answers: Mapping[str, object] | None = None,
    date: str | None = None,
) -> CommandResult[Task]:
    """Finish a task with one of its outcomes.

    `answers` are values of the lead fields that the task asks for; empty ones say nothing. They are on
    the lead before its journey goes on. `date` is a day (2027-04-05) or a month, where the task asks
    for one.
    """
    with env.database.write() as session:
        task = session.get(Task, task_id)
        if task is None:
            raise SalesError("not_found", "there is no such task")
        lead = _lock(session, env, task.lead_id)
        session.refresh(task)
        no = task_refusal(task, outcome)
        if no == "unknown_outcome":
            raise SalesError("invalid", "the outcome is one of: " + ", ".join(task.outcomes), "outcome")
        if no is not None:
            return CommandResult(task, no)
        identity = _checked_answers(session, env, task, answers or {})
        properties = {"task": task.id, "outcome": outcome, "date": _task_date(task, date)}
        _record(session, env, lead, "task_done", properties, f"task:{task.id}:done", identity)
        session.refresh(task)
        return CommandResult(task)


def _checked_answers(
    session: Session, env: Environment, task: Task, answers: Mapping[str, object]
) -> dict[str, Any]:
    given = {name: value for name, value in answers.items() if not is_empty(value)}
    for name in given:
        if name not in task.asks:
            raise SalesError("invalid", "this task does not ask for it", name[:60])
    workspace = env.publications.current(session).publication.workspace
    read = read_identity(given, workspace)
    for name, problem in read.problems.items():
        raise SalesError("invalid", problem, name)
    return read.values


def _task_date(task: Task, date: str | None) -> str | None:
    if not date:
        return None
    if not task.asks_date:
        raise SalesError("invalid", "this task does not ask for a date", "date")
    try:
        revisit_date(date)
    except RevisitError as error:
        raise SalesError("invalid", str(error), "date") from None
    return date


def _answer(
    env: Environment, offer_id: str, event_type: str, external_id: str, **properties: str | None
) -> CommandResult[Offer]:
    with env.database.write() as session:
        offer = session.get(Offer, offer_id)
        if offer is None:
            raise SalesError("not_found", "there is no such offer")
        lead = _lock(session, env, offer.lead_id)
        session.refresh(offer)
        no = refusal(offer, event_type)
        if no is not None:
            return CommandResult(offer, no)
        _record(session, env, lead, event_type, {"offer": offer.id, **properties}, external_id)
        session.refresh(offer)
        return CommandResult(offer)


def _deal_command(
    session: Session, env: Environment, lead: Lead, event_type: str, verb: str, properties: dict[str, Any]
) -> CommandResult[Deal]:
    deal_id = str(properties["deal"])
    deal = session.get(Deal, deal_id)
    if deal is not None:
        session.refresh(deal)
    no = deal_refusal(deal, event_type, lead)
    if deal is not None and no is not None:
        if no == "deal_of_another_lead":
            raise SalesError("invalid", "this deal belongs to another lead", "lead")
        return CommandResult(deal, no)
    losses = deal.losses if deal else 0
    count = losses + 1 if verb == "lost" else losses
    _record(session, env, lead, event_type, properties, f"deal:{deal_id}:{verb}:{count}")
    deal = session.get(Deal, deal_id, populate_existing=True)
    if deal is None:
        raise SalesError("not_applied", "it could not be applied; nothing was recorded")
    return CommandResult(deal)


def _record(
    session: Session,
    env: Environment,
    lead: Lead,
    event_type: str,
    properties: dict[str, Any],
    external_id: str,
    identity: dict[str, Any] | None = None,
) -> None:
    item = IncomingEvent(
        type=event_type,
        properties={name: value for name, value in properties.items() if value is not None},
        lead_id=lead.id,
        identity=identity or {},
        external_id=external_id,
        source="sales",
        trust="verified",
    )
    result = ingest(session, env, [item])[0]
    if result.status in {"invalid", "conflict"}:
        field = (result.field or "").removeprefix("properties.")
        raise SalesError("invalid", result.problem or "refused", field or None)
    apply_pending(session, env, lead, env.clock.now())
    event = session.get(Event, result.event_id) if result.event_id else None
    if event is not None and event.parked:
        raise SalesError("not_applied", "it could not be applied; nothing was recorded")


def _lock(session: Session, env: Environment, lead_id: str) -> Lead:
    try:
        lead = lock_lead(session, lead_id)
    except RowMissingError:
        raise SalesError("not_found", "there is no such lead", "lead") from None
    if lead.erased_at is not None:
        raise SalesError("not_found", "this lead was erased", "lead")
    apply_pending(session, env, lead, env.clock.now())
    return lead


def _lead_of(session: Session, deal_id: str, lead_id: str | None) -> str:
    deal = session.get(Deal, deal_id)
    if deal is not None:
        return lead_id or deal.lead_id
    if lead_id is None:
        raise SalesError("not_found", "there is no such deal; name its lead to record it")
    return lead_id


def _deal_id(deal_id: str | None) -> str:
    if deal_id is None:
        return new_id()
    if not 0 < len(deal_id) <= _ID_LIMIT or not deal_id.isprintable():
        raise SalesError("invalid", f"a deal id has 1 to {_ID_LIMIT} printable characters", "deal")
    return deal_id


def _amount(amount: int | None) -> int | None:
    if amount is not None and not 0 <= amount < 2**53:
        raise SalesError("invalid", "an amount is a whole number of minor units, not negative", "amount")
    return amount


def _text(text: str | None) -> str | None:
    if text is not None and len(text) > _NOTE_LIMIT:
        raise SalesError("invalid", f"at most {_NOTE_LIMIT} characters", "note")
    return text or None


def _revisit(env: Environment, text: str | None) -> str | None:
    if not text:
        return None
    workspace = env.publications.current().publication.workspace
    today = env.clock.now().astimezone(ZoneInfo(workspace.timezone)).date()
    try:
        latest = last_day(text)
    except RevisitError as error:
        raise SalesError("invalid", str(error), "revisit_on") from None
    if latest < today:
        raise SalesError("invalid", "the date to ask again is in the past", "revisit_on")
    if latest > today + timedelta(days=3660):
        raise SalesError("invalid", "the date to ask again is more than ten years away", "revisit_on")
    return text
