"""Alerts: what a person should look at, as rows with a beginning and an end.

One loop asks the database every few seconds what is wrong, so no other code need remember to tell. An
alert is about a whole (a scenario and a reason), however many journeys it concerns. No personal data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import false, func, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from leadloop.inbox.recovery.restored import describe_gate
from leadloop.journey.failures import HeldCode
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Alert,
    Call,
    CallStatus,
    Enrolment,
    EnrolmentStatus,
    Event,
    Message,
    MessageStatus,
    Wake,
)

SECONDS = 10.0
"""Between two looks."""
LATE = timedelta(minutes=10)
FAILING = 5
"""So many failures of a scenario within an hour are an alert."""
WITHIN = timedelta(hours=1)
KINDS = {
    "database_restored": "database is older than its watermark, or another one: nothing is sent",
    "journeys_held": "journeys are held",
    "messages_uncertain": "mails may or may not have been sent",
    "sends_failing": "mails failed within an hour",
    "calls_failing": "outside calls failed within an hour",
    "journeys_late": "running journeys are due for more than ten minutes",
    "wakes_late": "journeys wait for more than ten minutes to be begun or woken: Temporal does not take them",
    "events_parked": "events could not be applied",
}
"""What each kind says, after its number."""
_OPEN = text("status <> 'ended'")
"""As the partial index has it, so that journeys that ended are not read."""
_log = structlog.get_logger()


@dataclass(frozen=True)
class Finding:
    """Something that is wrong now."""

    kind: str
    number: int
    scenario: str | None = None
    code: str = ""

    @property
    def key(self) -> str:
        return ":".join((self.kind, self.scenario or "", self.code))


def watch(env: Environment) -> int:
    """Raise what is new, end what is over; return how many alerts began or ended."""
    now = env.clock.now()
    with env.database.read() as session:
        found = {one.key: one for one in _findings(session, env, now)}
        known = {row.key: row.number for row in open_alerts(session)}
    if {key: one.number for key, one in found.items()} == known:
        return 0
    try:
        return _write(env, found, now)
    except IntegrityError:  # another process raised it first
        return 0


def open_alerts(session: Session) -> list[Alert]:
    """Return the alerts that are not over, the oldest first."""
    is_open = col(Alert.resolved_at).is_(None)
    return list(session.exec(select(Alert).where(is_open).order_by(col(Alert.raised_at))).all())


def _write(env: Environment, found: dict[str, Finding], now: datetime) -> int:
    changed: list[tuple[str, Alert]] = []
    with env.database.write() as session:
        known = {row.key: row for row in open_alerts(session)}
        for key, one in found.items():
            row = known.get(key)
            if row is None:
                row = Alert(key=key, kind=one.kind, code=one.code, scenario=one.scenario, raised_at=now)
                changed.append(("alert_raised", row))
            row.number = one.number
            session.add(row)
        for key, row in known.items():
            if key not in found:
                row.resolved_at = now
                row.key = f"{key}#{row.id}"  # the next of its kind is another alert
                session.add(row)
                changed.append(("alert_resolved", row))
    for event, row in changed:
        say = _log.warning if event == "alert_raised" else _log.info
        say(event, alert=row.id, kind=row.kind, scenario=row.scenario, code=row.code, number=row.number)
    return len(changed)


def _findings(session: Session, env: Environment, now: datetime) -> Iterator[Finding]:
    gate = describe_gate(session)
    if gate is not None:
        yield Finding("database_restored", 1, code=str(gate["why"]))
    held: Counter[tuple[str, str]] = Counter()
    rows = session.exec(
        select(Enrolment.scenario, Enrolment.held_code, func.count())
        .where(_OPEN, Enrolment.status == EnrolmentStatus.HELD)
        .group_by(col(Enrolment.scenario), col(Enrolment.held_code))
    ).all()
    for scenario, code, number in rows:
        held[scenario, code or HeldCode.OTHER.value] += number
    for (scenario, code), number in held.items():
        yield Finding("journeys_held", number, scenario, code)
    for scenario, number in session.exec(
        select(Message.scenario, func.count())
        .where(Message.status == MessageStatus.UNCERTAIN)
        .group_by(col(Message.scenario))
    ).all():
        yield Finding("messages_uncertain", number, scenario)
    failed_at = func.coalesce(Message.claimed_at, Message.created_at)
    for scenario, number in session.exec(
        select(Message.scenario, func.count())
        .where(Message.status == MessageStatus.FAILED, failed_at >= now - WITHIN)
        .group_by(col(Message.scenario))
        .having(func.count() >= FAILING)
    ).all():
        yield Finding("sends_failing", number, scenario)
    for scenario, number in session.exec(
        select(Call.scenario, func.count())
        .where(Call.status == CallStatus.FAILED, col(Call.done_at) >= now - WITHIN)
        .group_by(col(Call.scenario))
        .having(func.count() >= FAILING)
    ).all():
        yield Finding("calls_failing", number, scenario)
    late = session.exec(
        select(func.count()).where(
            Enrolment.status == EnrolmentStatus.RUNNING, col(Enrolment.due_at) <= now - LATE
        )
    ).one()
    if late and not env.clock.warped:
        yield Finding("journeys_late", late)
    # Those in bulk may wait for long: they go behind the others.
    unsent = session.exec(
        select(func.count())
        .select_from(Wake)
        .where(col(Wake.bulk) == false(), col(Wake.asked_at) <= now - LATE)
    ).one()
    if unsent and gate is None and not env.clock.warped:
        yield Finding("wakes_late", unsent)
    parked = session.exec(select(func.count()).where(col(Event.parked).is_not(None))).one()
    if parked:
        yield Finding("events_parked", parked)
