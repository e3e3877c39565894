"""The facts that conditions read about a lead, as flat dotted names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlmodel import Session

from leadloop.conditions import FactValue
from leadloop.language.plan import FieldSpec, Publication, Workspace
from leadloop.sales.deals import open_deals
from leadloop.scoring.ledger import LeadLedger, shown
from leadloop.storage.tables import Company, Lead

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


class LeadReader:
    """Reads a locked lead's facts; keeps what cannot change without its knowledge."""

    def __init__(self, session: Session, publication: Publication, lead: Lead) -> None:
        self._session = session
        self._publication = publication
        self._lead = lead
        self._company: Company | None = None
        self._open_deals: int | None = None
        self.ledger = LeadLedger(session, lead.id)

    def deals_changed(self) -> None:
        """Say that a deal was opened or closed."""
        self._open_deals = None

    def facts(self, now: datetime) -> dict[str, FactValue]:
        """Return every known `lead.*` fact, and `now`. An unknown fact is absent."""
        lead, workspace = self._lead, self._publication.workspace
        zone = lead_zone(lead, workspace)
        facts: dict[str, FactValue] = {"now": now, "lead.tags": list(lead.tags)}
        for name in BUILT_IN:
            _put(facts, f"lead.{name}", getattr(lead, name), zone)
        for name, spec in workspace.lead_fields.items():
            _put(facts, f"lead.{name}", _parsed(lead.fields.get(name), spec.type), zone)
        self._put_company(facts, zone)
        self._put_scores(facts, now)
        return facts

    def _put_company(self, facts: dict[str, FactValue], zone: ZoneInfo) -> None:
        lead = self._lead
        if lead.company_id and (self._company is None or self._company.id != lead.company_id):
            self._company = self._session.get(Company, lead.company_id)
        if lead.company_id and self._company is not None:
            for name in ("id", "name", "domain", "owner", "stage"):
                _put(facts, f"lead.company.{name}", getattr(self._company, name), zone)
        elif lead.company_name:
            facts["lead.company.name"] = lead.company_name
        if self._open_deals is None:
            self._open_deals = open_deals(self._session, lead)
        facts["lead.company.open_deals"] = self._open_deals

    def _put_scores(self, facts: dict[str, FactValue], now: datetime) -> None:
        scoring = self._publication.scoring
        for model, spec in scoring.models.items():
            facts[f"lead.score.{model}"] = shown(self.ledger.score(model, spec, now))
            levels = scoring.bands.get(model)
            if levels is not None:
                row = self.ledger.reading(model)
                facts[f"lead.band.{model}"] = (row.band if row else None) or levels.levels[-1][0]


def lead_facts(session: Session, publication: Publication, lead: Lead, now: datetime) -> dict[str, FactValue]:
    """Return every known `lead.*` fact, and `now`. An unknown fact is absent."""
    return LeadReader(session, publication, lead).facts(now)


def run_facts(
    properties: Mapping[str, Any],
    declared: Mapping[str, FieldSpec],
    entered_at: datetime,
    cycle: int,
    zone: ZoneInfo,
) -> dict[str, FactValue]:
    """Return the `run.*` facts: when and in which cycle it began, and the event that began it."""
    facts: dict[str, FactValue] = {"run.entered_at": entered_at, "run.cycle": cycle}
    for name, value in properties.items():
        spec = declared.get(name)
        _put(facts, f"run.entry.{name}", _parsed(value, spec.type if spec else "text"), zone)
    return facts


def date_facts(prefix: str, values: Mapping[str, Any], declared: Mapping[str, FieldSpec]) -> dict[str, str]:
    """Return the values that are days or months, as text: waits know a month's first open day."""
    return {
        f"{prefix}{name}": value
        for name, value in values.items()
        if name in declared and declared[name].type == "date" and isinstance(value, str)
    }


def _parsed(value: Any, kind: str) -> Any:
    """Read a stored date or instant; in a condition a month is its first day."""
    if not isinstance(value, str) or kind not in ("date", "datetime"):
        return value
    if kind == "datetime":
        return datetime.fromisoformat(value)
    return date.fromisoformat(value if len(value) == len("2027-04-05") else f"{value}-01")


def _put(facts: dict[str, FactValue], name: str, value: Any, zone: ZoneInfo) -> None:
    if value is None or value == "":
        return
    if isinstance(value, datetime):
        facts[name] = value.astimezone(UTC)
    elif isinstance(value, date):
        facts[name] = datetime.combine(value, time(), zone).astimezone(UTC)
    elif isinstance(value, bool | int | str):
        facts[name] = value
