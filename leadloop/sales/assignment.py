"""Who gets an offer or a task: by the queue's order, in the end the member with least to do."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from leadloop.language.plan import Queue, Workspace
from leadloop.storage.tables import Company, Lead, Offer, OfferStatus, Setting

OPEN = (OfferStatus.OFFERED, OfferStatus.ACCEPTED)


OWNER = "owner"
COMPANY_OWNER = "company_owner"


def offer_to(
    session: Session, lead: Lead, to: str, otherwise: str | None, workspace: Workspace
) -> tuple[str, str]:
    """Return who is offered the lead, and by which name: `owner`, `company_owner`, or a queue.

    `owner` is the lead's, else its company's. Where `to` names nobody, a member of `otherwise`.
    """
    person: str | None = None
    if to == OWNER:
        person = lead.owner or company_owner(session, lead)
    elif to == COMPANY_OWNER:
        person = company_owner(session, lead)
    elif to in workspace.queues:
        return assign(session, lead, to, workspace), to
    if person:
        return person, to
    return (
        (assign(session, lead, otherwise, workspace), otherwise) if otherwise else (fallback(workspace), to)
    )


def assign(session: Session, lead: Lead, queue_name: str, workspace: Workspace) -> str:
    """Return the mail address of the person who gets the lead.

    `company_owner` and `last_owner` win where they are known, whoever they are. Otherwise the
    member with the fewest open offers below capacity; when all are full, the one with the fewest,
    because a hot lead without an owner is worse. A queue without members falls to the workspace's
    reply address.
    """
    queue = workspace.queues.get(queue_name)
    if queue is None:
        return fallback(workspace)
    for way in queue.assign:
        owner = company_owner(session, lead) if way == "company_owner" else None
        if way == "last_owner":
            owner = lead.last_owner
        if owner:
            return owner
        if way == "round_robin":
            break
    return _round_robin(session, queue_name, queue) or fallback(workspace)


def company_owner(session: Session, lead: Lead) -> str | None:
    """Return the owner of the lead's company, if it has a company with one."""
    company = session.get(Company, lead.company_id) if lead.company_id else None
    return company.owner if company else None


def fallback(workspace: Workspace) -> str:
    """Return the address that gets what belongs to nobody."""
    return workspace.sender.reply_to or workspace.sender.address


def _round_robin(session: Session, name: str, queue: Queue) -> str | None:
    members = sorted(queue.members)
    if not members:
        return None
    rotation = _lock_rotation(session, name)
    load = _open_offers(session, members)
    below = [one for one in members if _has_room(load[one], queue.members[one])] or members
    least = min(load[one] for one in below)
    tied = [one for one in below if load[one] == least]
    last = rotation.value.get("last", "")
    chosen = next((one for one in tied if one > last), tied[0])
    rotation.value = {"last": chosen}
    session.add(rotation)
    return chosen


def _has_room(load: int, capacity: int | None) -> bool:
    return capacity is None or load < capacity


def _open_offers(session: Session, members: Sequence[str]) -> dict[str, int]:
    rows = session.exec(
        select(Offer.assignee, func.count())
        .where(col(Offer.assignee).in_(members), col(Offer.status).in_(OPEN))
        .group_by(Offer.assignee)
    ).all()
    return dict.fromkeys(members, 0) | dict(rows)


def _lock_rotation(session: Session, queue_name: str) -> Setting:
    """Return the row that remembers who was last, locked, so that two offers see each other."""
    key = f"rotation:{queue_name}"
    statement = select(Setting).where(Setting.key == key).with_for_update()
    row = session.exec(statement).one_or_none()
    if row is not None:
        return row
    try:
        with session.begin_nested():
            row = Setting(key=key, value={})
            session.add(row)
    except IntegrityError:  # another transaction made it at the same moment
        return session.exec(statement).one()
    return row
