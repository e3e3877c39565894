"""A paused scenario: one row of `setting` says so, and every turn, claim and entry obeys it at once.

A loop brings the open journeys in line, each under its own locks; a journey that it has not reached
is paused or resumed in its own next turn. Who enters meanwhile begins paused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from leadloop.inbox.operations.pausing import SCENARIO, pause, resume
from leadloop.storage.switches import SCENARIO_PAUSE, switch
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Setting

if TYPE_CHECKING:
    from leadloop.inbox.apply import Application

PREFIX = SCENARIO_PAUSE


@dataclass(frozen=True)
class ScenarioPause:
    """A scenario that stands still since an instant, or is being resumed (`on` is False)."""

    scenario: str
    on: bool
    clock: str
    since: datetime
    settled: bool
    """Whether the loop has found nobody left to bring in line."""


def scenario_pause(session: Session, scenario: str) -> ScenarioPause | None:
    """Return the pause of a scenario that holds now."""
    value = switch(session, pause_key(scenario))
    found = read_pause(scenario, value) if value is not None else None
    return found if found is not None and found.on else None


def pause_key(scenario: str) -> str:
    """Return the key of a scenario's row in `setting`."""
    return f"{PREFIX}{scenario}"


def read_pause(scenario: str, value: dict[str, Any]) -> ScenarioPause:
    """Return what a row of `setting` says."""
    return ScenarioPause(
        scenario,
        bool(value["on"]),
        str(value["clock"]),
        datetime.fromisoformat(str(value["since"])),
        bool(value.get("settled")),
    )


def pauses(session: Session) -> list[ScenarioPause]:
    """Return the pauses that hold, and those that are being lifted."""
    rows = session.exec(
        select(Setting).where(col(Setting.key).startswith(PREFIX)).order_by(col(Setting.key))
    ).all()
    return [read_pause(row.key.removeprefix(PREFIX), row.value) for row in rows]


def write_pause(session: Session, scenario: str, on: bool, clock: str, since: datetime) -> None:
    """Say that a scenario is paused, or that its journeys are to be resumed."""
    row = session.get(Setting, pause_key(scenario), with_for_update=True)
    value: dict[str, Any] = {"on": on, "clock": clock, "since": since.isoformat(), "settled": False}
    if row is None:
        row = Setting(key=pause_key(scenario), value=value)
    row.value = value
    session.add(row)


def out_of_line(wish: ScenarioPause) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of open journeys that do not yet stand as their scenario does."""
    noted = col(Enrolment.stops)[SCENARIO].as_string()
    return (
        col(Enrolment.scenario) == wish.scenario,
        col(Enrolment.status) != EnrolmentStatus.ENDED,
        noted.is_(None) if wish.on else noted.is_not(None),
    )


def follow_scenario(application: Application, enrolment: Enrolment) -> None:
    """Pause or resume a locked journey as its scenario stands now."""
    if enrolment.status == EnrolmentStatus.ENDED or join_pause(application, enrolment):
        return
    if SCENARIO in enrolment.stops and scenario_pause(application.session, enrolment.scenario) is None:
        resume(application, enrolment, SCENARIO)


def join_pause(application: Application, enrolment: Enrolment) -> bool:
    """Pause a locked open journey where its scenario is paused and the loop has not reached it.

    Before another cause is lifted: the time that both stood still must count once.
    """
    wish = scenario_pause(application.session, enrolment.scenario)
    if wish is None or SCENARIO in enrolment.stops:
        return False
    pause(application, enrolment, SCENARIO, wish.clock, wish.since)
    return True
