"""The facts that conditions read about a lead, as flat dotted names."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlmodel import Session, select

from leadloop.conditions import FactValue
from leadloop.language.plan import Publication, Workspace
from leadloop.sales.deals import open_deals
from leadloop.scoring import ledger
from leadloop.storage.tables import Company, Lead, LeadScore

BUILT_IN = (
    "email", "family_name", "given_name", "family_kana", "given_kana", "honorific", "department",
    "job_title", "phone", "mobile", "prefecture", "country", "timezone", "locale", "source", "owner",
    "last_owner", "in_sales", "stage", "cycle", "created_at", "last_active_at",
)  # fmt: skip


def lead_zone(lead: Lead, workspace: Workspace) -> ZoneInfo:
    """Return the lead's time zone: its own, else the workspace's."""
    for name in (lead.timezone, workspace.timezone):
        if name:
            try:
                return ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError):
                continue
    return ZoneInfo("UTC")


def lead_facts(session: Session, publication: Publication, lead: Lead, now: datetime) -> dict[str, FactValue]:
    """Return every known `lead.*` fact, and `now`. An unknown fact is absent."""
    zone = lead_zone(lead, publication.workspace)
    facts: dict[str, FactValue] = {"now": now, "lead.tags": list(lead.tags)}
    for name in BUILT_IN:
        _put(facts, f"lead.{name}", getattr(lead, name), zone)
    for name, spec in publication.workspace.lead_fields.items():
        value = lead.fields.get(name)
        if spec.type in ("date", "datetime") and isinstance(value, str):
            value = datetime.fromisoformat(value) if spec.type == "datetime" else date.fromisoformat(value)
        _put(facts, f"lead.{name}", value, zone)
    company = session.get(Company, lead.company_id) if lead.company_id else None
    if company is not None:
        for name in ("id", "name", "domain", "owner", "stage"):
            _put(facts, f"lead.company.{name}", getattr(company, name), zone)
    elif lead.company_name:
        facts["lead.company.name"] = lead.company_name
    facts["lead.company.open_deals"] = open_deals(session, lead)
    bands = {
        row.model: row.band
        for row in session.exec(select(LeadScore).where(LeadScore.lead_id == lead.id)).all()
    }
    for model, spec_ in publication.scoring.models.items():
        facts[f"lead.score.{model}"] = ledger.shown(ledger.score_at(session, lead.id, model, spec_, now))
        levels = publication.scoring.bands.get(model)
        if levels is not None:
            facts[f"lead.band.{model}"] = bands.get(model) or levels.levels[-1][0]
    return facts


def run_facts(
    properties: dict[str, Any], declared: dict[str, Any], entered_at: datetime, cycle: int, zone: ZoneInfo
) -> dict[str, FactValue]:
    """Return the `run.*` facts: when and in which cycle it began, and the event that began it.

    Date properties become instants at the start of the day, but a month (`2027-04`) stays text:
    the calendar knows its first business day.
    """
    facts: dict[str, FactValue] = {"run.entered_at": entered_at, "run.cycle": cycle}
    for name, value in properties.items():
        spec = declared.get(name)
        kind = spec.type if spec is not None else "text"
        if kind == "date" and isinstance(value, str) and len(value) == 10:
            value = date.fromisoformat(value)
        elif kind == "datetime" and isinstance(value, str):
            value = datetime.fromisoformat(value)
        _put(facts, f"run.entry.{name}", value, zone)
    return facts


def _put(facts: dict[str, FactValue], name: str, value: Any, zone: ZoneInfo) -> None:
    if value is None or value == "":
        return
    if isinstance(value, datetime):
        facts[name] = value.astimezone(UTC)
    elif isinstance(value, date):
        facts[name] = datetime.combine(value, time(), zone).astimezone(UTC)
    elif isinstance(value, bool | int | str):
        facts[name] = value
