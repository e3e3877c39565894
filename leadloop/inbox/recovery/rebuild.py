"""Rebuilding workflows after the Temporal service lost its data: every open journey starts anew at
its stored turn, with a higher generation.

The place reached is one row of the database, so a rebuild that was stopped goes on from there. It may
run beside workers: a restart is a question for the turn that the database has, whoever asks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, or_, select

from leadloop.inbox.recovery.sweeper import restart_journey
from leadloop.storage.database import lock_enrolment, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Setting

_KEY = "rebuild"


@dataclass(frozen=True)
class Rebuild:
    """How far a rebuild is. `counts` are the journeys to restart by scenario, when it began."""

    began_at: str
    scenario: str | None
    counts: Mapping[str, int]
    done: int = 0
    after: str = ""
    """Id of the last journey that was restarted."""

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def unfinished_rebuild(env: Environment) -> Rebuild | None:
    """Return a rebuild that was stopped before its end."""
    with env.database.read() as session:
        return _read(session)


def begin_rebuild(env: Environment, scenario: str | None = None) -> Rebuild:
    """Begin a rebuild, in place of an unfinished one."""
    with env.database.write() as session:
        now = env.clock.now()
        rebuild = Rebuild(now.isoformat(), scenario, _count(session, scenario, now))
        _write(session, rebuild)
        return rebuild


def count_open(env: Environment, scenario: str | None = None) -> dict[str, int]:
    """Return how many journeys a rebuild would restart, by scenario."""
    with env.database.read() as session:
        return _count(session, scenario, env.clock.now())


def rebuild_next(env: Environment, rebuild: Rebuild, limit: int) -> tuple[Rebuild, bool]:
    """Ask for a restart of the next journeys; return the place reached, and whether that was the end.

    The starts are rows of `wake` then, which a relay sends.
    """
    with env.database.read() as session:
        rows = session.exec(
            select(Enrolment.id, Enrolment.lead_id)
            .where(
                *_concerned(rebuild.scenario, datetime.fromisoformat(rebuild.began_at)),
                col(Enrolment.id) > rebuild.after,
            )
            .order_by(col(Enrolment.id))
            .limit(limit)
        ).all()
    restarted = 0
    for enrolment_id, lead_id in rows:
        restarted += _restart(env, enrolment_id, lead_id)
    ended = len(rows) < limit
    after = rows[-1][0] if rows else rebuild.after
    rebuild = replace(rebuild, done=rebuild.done + restarted, after=after)
    with env.database.write() as session:
        _write(session, None if ended else rebuild)
    return rebuild, ended


def _restart(env: Environment, enrolment_id: str, lead_id: str) -> bool:
    with env.database.write() as session:
        lock_lead(session, lead_id)
        enrolment = lock_enrolment(session, enrolment_id)
        if enrolment.status == EnrolmentStatus.ENDED and enrolment.next.get("kind") == "end":
            return False
        restart_journey(session, enrolment, env.clock.now())
        return True


def _concerned(scenario: str | None, began_at: datetime) -> list[ColumnElement[bool]]:
    """Open journeys, and ended ones without their closing turn, that had begun before the rebuild."""
    unclosed = col(Enrolment.next)["kind"].as_string() != "end"
    found = [
        or_(col(Enrolment.status) != EnrolmentStatus.ENDED, unclosed),
        col(Enrolment.entered_at) <= began_at,
    ]
    if scenario is not None:
        found.append(col(Enrolment.scenario) == scenario)
    return found


def _count(session: Session, scenario: str | None, now: datetime) -> dict[str, int]:
    rows = session.exec(
        select(Enrolment.scenario, func.count())
        .where(*_concerned(scenario, now))
        .group_by(Enrolment.scenario)
        .order_by(Enrolment.scenario)
    ).all()
    return dict(rows)


def _read(session: Session) -> Rebuild | None:
    row = session.get(Setting, _KEY)
    if row is None:
        return None
    value: dict[str, Any] = row.value
    return Rebuild(**value)


def _write(session: Session, rebuild: Rebuild | None) -> None:
    row = session.get(Setting, _KEY)
    if rebuild is None:
        if row is not None:
            session.delete(row)
        return
    row = row or Setting(key=_KEY)
    row.value = asdict(rebuild)
    session.add(row)
