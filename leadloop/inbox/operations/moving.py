"""How a migration goes: what became of each journey that was to move."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session, col, select

from leadloop.inbox.operations.migrating import others
from leadloop.inbox.turns.causes import LOST, is_in_flight
from leadloop.storage.tables import Enrolment, EnrolmentStatus

Fate = Literal["moved", "in_flight", "waiting", "paused", "held", "ended"]
FATES: tuple[Fate, ...] = ("moved", "in_flight", "waiting", "paused", "held", "ended")
UNDECIDED: tuple[Fate, ...] = ("in_flight", "waiting")

_AT_ONCE = 500


@dataclass(frozen=True)
class Moving:
    """One journey. `waiting`: for its next turn; `held`: the version lacks its step; `in_flight`: its
    mail or call comes first; `paused`: it moves when it is resumed."""

    journey: str
    fate: Fate
    step: str
    reason: str | None = None


def to_move(session: Session, scenario: str, digest: str) -> list[str]:
    """Return the ids of the open journeys on other versions."""
    return list(
        session.exec(select(Enrolment.id).where(*others(scenario, digest)).order_by(col(Enrolment.id))).all()
    )


def fates(session: Session, digest: str, journeys: Sequence[str]) -> list[Moving]:
    """Return what became of these journeys, in their order."""
    found: dict[str, Moving] = {}
    for some in _parts(journeys):
        for row in session.exec(select(Enrolment).where(col(Enrolment.id).in_(some))).all():
            found[row.id] = fate_of(session, digest, row)
    return [found[one] for one in journeys if one in found]


def fate_of(session: Session, digest: str, row: Enrolment) -> Moving:
    """Return what became of one journey."""
    step = str(row.state.get("step"))
    if row.status == EnrolmentStatus.ENDED:
        return Moving(row.id, "ended", step, row.outcome)
    if row.plan_digest == digest:
        return Moving(row.id, "moved", step, row.held_reason)
    if row.move_to == f"{LOST}{digest}":
        return Moving(row.id, "held", step, row.held_reason)
    if row.status == EnrolmentStatus.PAUSED:
        return Moving(row.id, "paused", step)
    return Moving(row.id, "in_flight" if is_in_flight(session, row) else "waiting", step)


def _parts(journeys: Iterable[str]) -> Iterable[list[str]]:
    rest = list(journeys)
    for begin in range(0, len(rest), _AT_ONCE):
        yield rest[begin : begin + _AT_ONCE]
