"""The facts that conditions read about a lead, as flat dotted names."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlmodel import Session, col, func, select

from leadloop.conditions import FactValue
from leadloop.inbox.lead_rows import LeadRows
from leadloop.inbox.past import LeadPast
from leadloop.inbox.reads import company_scores_read
from leadloop.journey.fact_values import put_fact, put_stored, run_facts
from leadloop.language.plan import Publication, Workspace
from leadloop.scoring.ledger import LeadLedger, shown
from leadloop.storage.tables import Company, Lead, LeadScore

__all__ = ["BUILT_IN", "LeadReader", "company_of", "lead_facts", "lead_zone", "run_facts"]

BUILT_IN = (
    "email", "family_name", "given_name", "family_kana", "given_kana", "honorific", "department",
    "job_title", "phone", "mobile", "prefecture", "country", "timezone", "locale", "source", "owner",
    "last_owner", "in_sales", "stage", "cycle", "created_at", "last_active_at",
)  # fmt: skip


def company_of(session: Session, lead: Lead) -> Company | None:
    """Return the lead's company; read once per session."""
    return session.get(Company, lead.company_id) if lead.company_id else None


def lead_zone(lead: Lead, workspace: Workspace, company: Company | None = None) -> ZoneInfo:
    """Return the lead's time zone: its own, else its company's, else the workspace's."""
    for name in (lead.timezone, company.timezone if company is not None else None, workspace.timezone):
        if name:
            try:
                return ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError):
                continue
    return ZoneInfo("UTC")


class LeadReader:
    """Reads a locked lead's facts; keeps what cannot change without its knowledge."""

    def __init__(
        self, session: Session, publication: Publication, lead: Lead, rows: LeadRows | None = None
    ) -> None:
        self._session = session
        self._publication = publication
        self._lead = lead
        self._rows = rows or LeadRows(session, lead)

    @property
    def ledger(self) -> LeadLedger:
        """The lead's points."""
        return self._rows.ledger

    @property
    def company(self) -> Company | None:
        """The lead's company; the session keeps it."""
        return company_of(self._session, self._lead)

    def deals_changed(self) -> None:
        """Say that a deal was opened or closed, so that its colleagues see it too."""
        self._rows.deals.changed()

    def lead_changed(self) -> None:
        """Say that the lead may have another company, with its deals."""
        self._rows.deals.changed(self._lead)

    def facts(self, now: datetime) -> dict[str, FactValue]:
        """Return every known `lead.*` fact, `now`, and the lead's past. An unknown fact is absent."""
        lead, workspace = self._lead, self._publication.workspace
        zone = lead_zone(lead, workspace, self.company)
        facts: dict[str, FactValue] = {
            "now": now,
            "lead.tags": list(lead.tags),
            "lead.segments": list(lead.segments),
        }
        for name in BUILT_IN:
            put_fact(facts, f"lead.{name}", getattr(lead, name), zone)
        for name, spec in workspace.lead_fields.items():
            put_stored(facts, f"lead.{name}", lead.fields.get(name), spec.type, zone)
        self._put_company(facts, zone)
        self.put_scores(facts, now)
        facts.update(self.company_scores(company_scores_read(self._publication)))
        LeadPast(self._session, lead, workspace, zone, now, self._rows.earlier).bind(facts)
        return facts

    def company_scores(self, models: Collection[str]) -> dict[str, FactValue]:
        """Return `lead.company.score.<model>`: the sum of what its people's scores last read."""
        if not models or not self._lead.company_id:
            return {}
        rows = self._session.exec(
            select(LeadScore.model, func.sum(LeadScore.points))
            .join(Lead, col(Lead.id) == col(LeadScore.lead_id))
            .where(
                Lead.company_id == self._lead.company_id,
                col(Lead.merged_into).is_(None),
                col(LeadScore.model).in_(list(models)),
            )
            .group_by(LeadScore.model)
        ).all()
        sums = {model: int(points) for model, points in rows}
        return {f"lead.company.score.{model}": sums.get(model, 0) for model in sorted(models)}

    def _put_company(self, facts: dict[str, FactValue], zone: ZoneInfo) -> None:
        lead, company = self._lead, self.company
        if company is not None:
            for name in ("id", "name", "domain", "owner", "stage"):
                put_fact(facts, f"lead.company.{name}", getattr(company, name), zone)
        elif lead.company_name:
            facts["lead.company.name"] = lead.company_name
        facts["lead.company.open_deals"] = self._rows.deals.of(lead)

    def put_scores(self, facts: dict[str, FactValue], now: datetime) -> None:
        """Put the scores and bands of the lead among its facts."""
        scoring = self._publication.scoring
        for model, spec in scoring.models.items():
            facts[f"lead.score.{model}"] = shown(self.ledger.score(model, spec, now))
            levels = scoring.bands.get(model)
            if levels is not None:
                row = self.ledger.reading(model)
                facts[f"lead.band.{model}"] = (row.band if row else None) or levels.levels[-1][0]


def lead_facts(session: Session, publication: Publication, lead: Lead, now: datetime) -> dict[str, FactValue]:
    """Return every known `lead.*` fact, `now`, and the lead's past. An unknown fact is absent."""
    return LeadReader(session, publication, lead).facts(now)
