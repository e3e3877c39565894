"""What the pages and the API show of a lead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from leadloop.journey.state import JourneyState
from leadloop.language.plan import Publication
from leadloop.scoring.ledger import LeadLedger, shown
from leadloop.storage.database import StorageError
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Enrolment, Lead, LeadScore

_PERSON = (
    "email", "honorific", "family_kana", "given_kana", "department", "job_title", "phone", "mobile",
    "prefecture", "country", "timezone", "locale", "source", "owner", "last_owner",
)  # fmt: skip


@dataclass(frozen=True)
class ScoreView:
    model: str
    points: int
    band: str | None


@dataclass(frozen=True)
class JourneyView:
    """A journey with its position in the author's words."""

    id: str
    scenario: str
    title: str
    status: str
    outcome: str | None
    reason: str | None
    step: str
    step_title: str
    due_at: datetime | None
    entered_at: datetime
    ended_at: datetime | None
    cycle: int


def find_leads(text: str = "", stage: str = "") -> SelectOfScalar[Lead]:
    """Return the statement for leads whose name, company or address contains a text."""
    statement = select(Lead).where(col(Lead.merged_into).is_(None), col(Lead.erased_at).is_(None))
    for word in text.split()[:5]:
        columns = (Lead.email, Lead.family_name, Lead.given_name, Lead.company_name, Lead.job_title)
        statement = statement.where(or_(*(col(one).icontains(word, autoescape=True) for one in columns)))
    return statement.where(Lead.stage == stage) if stage else statement


def display_name(lead: Lead) -> str:
    """Return a lead's name as a list shows it; the address where there is none."""
    parts = [lead.family_name, lead.given_name]
    if not _is_cjk("".join(part or "" for part in parts)):
        parts.reverse()
    name = " ".join(part for part in parts if part)
    return name or lead.email or lead.phone or lead.id


def _is_cjk(text: str) -> bool:
    return any("぀" <= letter <= "鿿" for letter in text)


def bands_of(session: Session, lead_ids: Sequence[str]) -> dict[str, list[LeadScore]]:
    """Return the bands of several leads at once."""
    found: dict[str, list[LeadScore]] = {lead_id: [] for lead_id in lead_ids}
    rows = session.exec(
        select(LeadScore).where(col(LeadScore.lead_id).in_(lead_ids)).order_by(col(LeadScore.model))
    ).all()
    for row in rows:
        found[row.lead_id].append(row)
    return found


def lead_facts_shown(session: Session, lead: Lead) -> dict[str, str]:
    """Return the known facts of a lead, name by name, for reading."""
    company = session.get(Company, lead.company_id) if lead.company_id else None
    facts: dict[str, Any] = {"company": company.name if company else lead.company_name}
    facts |= {name: getattr(lead, name) for name in _PERSON}
    facts |= lead.fields
    facts |= {"stage": lead.stage, "cycle": lead.cycle or None, "tags": ", ".join(lead.tags)}
    return {name: str(value) for name, value in facts.items() if value not in (None, "")}


def scores_of(session: Session, publication: Publication, lead: Lead, now: datetime) -> list[ScoreView]:
    """Return the lead's score in every model as it is now, and its band."""
    bands = {one.model: one.band for one in bands_of(session, [lead.id])[lead.id]}
    ledger = LeadLedger(session, lead.id)
    return [
        ScoreView(model, shown(ledger.score(model, spec, now)), bands.get(model))
        for model, spec in publication.scoring.models.items()
    ]


def journeys_of(session: Session, env: Environment, lead_id: str) -> list[JourneyView]:
    """Return a lead's journeys, open ones first, then the newest."""
    rows = session.exec(select(Enrolment).where(Enrolment.lead_id == lead_id)).all()
    views = [_journey_view(session, env, row) for row in rows]
    views.sort(key=lambda one: (one.status == "ended", -one.entered_at.timestamp()))
    return views


def _journey_view(session: Session, env: Environment, row: Enrolment) -> JourneyView:
    step = JourneyState.model_validate(row.state).step if row.state else ""
    title = step_title = ""
    try:
        plan = env.publications.plan(row.plan_digest, session)
        title = plan.title
        step_title = plan.steps[step].title if step in plan.steps else ""
    except StorageError:  # a plan of a newer leadloop: the row itself can still be shown
        pass
    return JourneyView(
        id=row.id,
        scenario=row.scenario,
        title=title or row.scenario,
        status=row.status.value,
        outcome=row.outcome,
        reason=row.held_reason or row.end_reason,
        step=step,
        step_title=step_title,
        due_at=row.due_at,
        entered_at=row.entered_at,
        ended_at=row.ended_at,
        cycle=row.cycle,
    )


def leads_by_id(session: Session, lead_ids: Iterable[str]) -> dict[str, Lead]:
    """Return several leads at once."""
    rows = session.exec(select(Lead).where(col(Lead.id).in_(set(lead_ids)))).all()
    return {row.id: row for row in rows}
