"""Mails to sales people: a hot lead, an escalation, a question, a task, a journey's end.

Their templates are built in. They carry no tracking and no unsubscribe link.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from leadloop.language.plan import Publication
from leadloop.sales.offers import company_people
from leadloop.storage.tables import Enrolment, Message, Offer, Task

NOTICE_PREFIX = "notice:"
NAMES = ("handoff", "escalation", "still_working", "task", "overdue", "exit")
_OF_TASKS = ("task", "overdue")
_LAYOUTS = "layouts/"


@lru_cache(maxsize=1)
def notice_templates() -> Mapping[str, str]:
    """Return the built-in templates by path, as in `Publication.templates`."""
    found: dict[str, str] = {}
    for file in files(__package__).iterdir():
        if file.name.startswith("default."):
            found[_LAYOUTS + file.name] = file.read_text(encoding="utf-8")
        elif file.name.endswith(".md"):
            found[file.name] = file.read_text(encoding="utf-8")
    return found


def notice_context(
    session: Session, publication: Publication, message: Message, enrolment: Enrolment, base_url: str
) -> dict[str, Any]:
    """Return what notices know beside the lead: `offer`, `task`, `journey` and the `link` to act."""
    zone = ZoneInfo(publication.workspace.timezone)
    name = message.template.removeprefix(NOTICE_PREFIX)
    offer = session.get(Offer, message.reference) if message.reference and name not in _OF_TASKS else None
    task = session.get(Task, message.reference) if message.reference and name in _OF_TASKS else None
    link = f"{base_url}/leads/{message.lead_id}"
    if offer is not None:
        link = f"{base_url}/sales/offers/{offer.id}"
    if task is not None:
        link = f"{base_url}/sales/tasks/{task.id}"
    plan = publication.plans.get(enrolment.scenario)
    return {
        "link": link,
        "offer": {
            "queue": offer.queue if offer else None,
            "assignee": offer.assignee if offer else None,
            "accept_by": _local(offer.accept_by, zone) if offer else None,
            "work_by": _local(offer.work_by, zone) if offer else None,
            "what": offer.what if offer else "lead",
            "people": _people(session, offer) if offer else [],
            "reasons": [
                {**reason, "last_at": str(reason.get("last_at", ""))} for reason in offer.reasons
            ] if offer else [],
        },
        "task": {
            "title": (task.title or task.type) if task else None,
            "due_at": _local(task.due_at, zone) if task else None,
            "assignee": task.assignee if task else None,
        },
        "journey": {
            "scenario": enrolment.scenario,
            "title": (plan.title if plan else "") or enrolment.scenario,
            "outcome": message.reference if name == "exit" else enrolment.outcome,
        },
    }  # fmt: skip


def internal_templates(publication: Publication) -> Mapping[str, str]:
    """Return the workspace's templates for a mail within the house.

    The default layout is the built-in one: no sender's address, no unsubscribe link.
    """
    layouts = {name: text for name, text in notice_templates().items() if name.startswith(_LAYOUTS)}
    return {**publication.templates, **layouts}


def _people(session: Session, offer: Offer) -> list[dict[str, Any]]:
    """Return the people of an offered company, for the notice."""
    return [
        {
            "name": f"{one.family_name or ''} {one.given_name or ''}".strip(),
            "job_title": one.job_title or "",
            "email": one.email or "",
        }
        for one in company_people(session, offer)
    ]


def _local(at: Any, zone: ZoneInfo) -> str | None:
    """Return an instant as the reader's clock shows it."""
    return None if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
