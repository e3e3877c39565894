"""Which company a person belongs to: by the name they wrote, else by the domain of their address."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, func, select

from leadloop.leads.addresses import company_domain
from leadloop.leads.names import company_key
from leadloop.storage.tables import Company, Lead, LeadScore


def attach_company(session: Session, lead: Lead, now: datetime) -> bool:
    """Attach the lead to its company and return whether that changed.

    A company of the same name comes first, then one with the domain of the lead's address (never a
    free-mail domain). A name that nobody wrote before makes a new company; a domain alone doesn't.
    A name that fits the present company only by its domain moves nobody.
    """
    key = company_key(lead.company_name) if lead.company_name else ""
    domain = company_domain(lead.email)
    company = find_company(session, key, domain)
    if company is None and key:
        company = Company(name=lead.company_name or "", name_key=key, domain=domain, created_at=now)
        session.add(company)
        session.flush()
    if company is None or company.id == lead.company_id:
        return False
    if company.domain is None and company.name_key == key:
        company.domain = domain
    lead.company_id = company.id
    return True


def foremost(session: Session, company_id: str) -> str | None:
    """Return the person of a company with the highest score, over all models as last read; ties by id."""
    points = func.coalesce(func.sum(LeadScore.points), 0)
    return session.exec(
        select(Lead.id)
        .join(LeadScore, col(LeadScore.lead_id) == col(Lead.id), isouter=True)
        .where(Lead.company_id == company_id, col(Lead.merged_into).is_(None), col(Lead.erased_at).is_(None))
        .group_by(col(Lead.id))
        .order_by(points.desc(), col(Lead.id))
    ).first()


def find_company(session: Session, key: str, domain: str | None) -> Company | None:
    """Return the company of a compared name, else of a domain; the oldest where there are several."""
    for column, value in ((Company.name_key, key), (Company.domain, domain)):
        if value:
            query = select(Company).where(column == value).order_by(col(Company.created_at), col(Company.id))
            found = session.exec(query).first()
            if found is not None:
                return found
    return None
