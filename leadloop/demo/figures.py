"""The demo in numbers: while it runs, and at its end, per scenario."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlmodel import Session, col, func, select

from leadloop.language.plan import Publication
from leadloop.storage.tables import (
    Deal,
    DealStatus,
    Enrolment,
    Event,
    Lead,
    Message,
    MessageStatus,
    Offer,
    RecycledLoss,
)
from leadloop.web.counts import scenario_counts

_SENT = (MessageStatus.SENT, MessageStatus.UNCERTAIN)


@dataclass(frozen=True)
class Progress:
    """How far it has got. People are counted once, whatever they do again."""

    leads: int
    entered: int
    mails: int
    """To leads; notices to sales are not among them."""
    notices: int
    opened: int
    clicked: int
    mql: int
    accepted: int
    won: int
    lost: int
    recycled: int
    won_after_recycling: int
    unsubscribed: int


@dataclass(frozen=True)
class ScenarioRow:
    """One line of the table. `mql` counts journeys that reached a goal, the others what came of them."""

    scenario: str
    title: str
    entered: int
    running: int
    held: int
    sent: int
    opened: int
    clicked: int
    mql: int
    handed_off: int
    won: int
    lost: int
    recycled: int
    outcomes: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_progress(session: Session) -> Progress:
    """Count what has happened so far."""
    kinds = dict(
        session.exec(
            select(Message.kind, func.count()).where(col(Message.status).in_(_SENT)).group_by(Message.kind)
        ).all()
    )
    opened, clicked = session.exec(
        select(func.count(col(Message.opened_at)), func.count(col(Message.clicked_at)))
    ).one()
    deals = dict(
        session.exec(
            select(Deal.status, func.count(func.distinct(col(Deal.lead_id)))).group_by(col(Deal.status))
        ).all()
    )
    return Progress(
        leads=_count(session, select(func.count()).select_from(Lead)),
        entered=_count(session, select(func.count(func.distinct(col(Enrolment.lead_id))))),
        mails=kinds.get("mail", 0),
        notices=kinds.get("notice", 0),
        opened=opened,
        clicked=clicked,
        mql=_people(session, "stage_changed", "to", "mql"),
        accepted=_people(session, "handoff_accepted"),
        won=deals.get(DealStatus.WON, 0),
        lost=_people(session, "deal_lost"),
        recycled=_count(session, select(func.count(func.distinct(col(RecycledLoss.lead_id))))),
        won_after_recycling=len(won_after_recycling(session)),
        unsubscribed=_people(session, "unsubscribed"),
    )


def read_scenarios(session: Session, publication: Publication) -> list[ScenarioRow]:
    """Return the table: one row per scenario."""
    offers = dict(
        session.exec(
            select(Enrolment.scenario, func.count(col(Offer.id)))
            .join(Enrolment, col(Enrolment.id) == col(Offer.enrolment_id))
            .group_by(col(Enrolment.scenario))
        ).all()
    )
    recycled = dict(
        session.exec(
            select(Enrolment.scenario, func.count())
            .select_from(RecycledLoss)
            .join(Enrolment, col(Enrolment.id) == col(RecycledLoss.enrolment_id))
            .group_by(col(Enrolment.scenario))
        ).all()
    )
    return [
        ScenarioRow(
            scenario=one.scenario,
            title=one.title,
            entered=one.entered,
            running=one.running,
            held=one.held,
            sent=one.sent,
            opened=one.opened,
            clicked=one.clicked,
            mql=one.outcomes.get("goal", 0),
            handed_off=offers.get(one.scenario, 0),
            won=one.outcomes.get("won", 0),
            lost=one.outcomes.get("lost", 0),
            recycled=recycled.get(one.scenario, 0),
            outcomes=one.outcomes,
        )
        for one in scenario_counts(session, publication)
    ]


def won_after_recycling(session: Session) -> list[str]:
    """Return the leads that bought after a lost deal was recycled, the earliest first."""
    rows = session.exec(
        select(Deal.lead_id, func.min(Deal.closed_at))
        .join(RecycledLoss, col(RecycledLoss.lead_id) == col(Deal.lead_id))
        .where(Deal.status == DealStatus.WON, col(Deal.closed_at) > col(RecycledLoss.at))
        .group_by(col(Deal.lead_id))
        .order_by(func.min(Deal.closed_at))
    ).all()
    return [lead_id for lead_id, _ in rows]


def story_lead(session: Session) -> str | None:
    """Return the lead whose story is told: recycled and won later, else recycled, else none."""
    won = won_after_recycling(session)
    if won:
        return won[0]
    return session.exec(select(RecycledLoss.lead_id).order_by(col(RecycledLoss.at))).first()


def _people(session: Session, event_type: str, name: str = "", value: str = "") -> int:
    statement = select(func.count(func.distinct(col(Event.lead_id)))).where(Event.type == event_type)
    if name:
        statement = statement.where(col(Event.properties)[name].as_string() == value)
    return _count(session, statement)


def _count(session: Session, statement: Any) -> int:
    return int(session.exec(statement).one())
