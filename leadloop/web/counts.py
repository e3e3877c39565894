"""How many journeys entered, run and ended, and what became of the mails, per scenario."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from leadloop.language.plan import Publication
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Message, MessageStatus


@dataclass
class ScenarioCounts:
    """One scenario in numbers. `outcomes` counts ended journeys by outcome."""

    scenario: str
    title: str = ""
    entered: int = 0
    running: int = 0
    held: int = 0
    paused: int = 0
    ended: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    opened: int = 0
    clicked: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the counts as the API shows them."""
        return asdict(self)


def scenario_counts(session: Session, publication: Publication) -> list[ScenarioCounts]:
    """Count every published scenario, and older ones that still have journeys."""
    found = {name: ScenarioCounts(name, plan.title) for name, plan in sorted(publication.plans.items())}
    journeys = session.exec(
        select(Enrolment.scenario, Enrolment.status, Enrolment.outcome, func.count()).group_by(
            col(Enrolment.scenario), col(Enrolment.status), col(Enrolment.outcome)
        )
    ).all()
    for scenario, status, outcome, number in journeys:
        counts = found.setdefault(scenario, ScenarioCounts(scenario))
        counts.entered += number
        state = EnrolmentStatus(status).value
        setattr(counts, state, getattr(counts, state) + number)
        if status == EnrolmentStatus.ENDED:
            name = outcome or "ended"
            counts.outcomes[name] = counts.outcomes.get(name, 0) + number
    mails = session.exec(
        select(
            Message.scenario,
            func.count(),
            func.count(col(Message.opened_at)),
            func.count(col(Message.clicked_at)),
        )
        .where(
            Message.kind == "mail",
            col(Message.status).in_((MessageStatus.SENT, MessageStatus.UNCERTAIN)),
        )
        .group_by(col(Message.scenario))
    ).all()
    for scenario, sent, opened, clicked in mails:
        counts = found.setdefault(scenario, ScenarioCounts(scenario))
        counts.sent, counts.opened, counts.clicked = sent, opened, clicked
    for counts in found.values():
        counts.outcomes = dict(sorted(counts.outcomes.items(), key=lambda one: (-one[1], one[0])))
    return list(found.values())
