"""Pausing and resuming a scenario, and bringing its journeys in line with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from leadloop.inbox.apply import Application
from leadloop.inbox.operations.commands import OTHER_CLOCK, check_clock
from leadloop.inbox.operations.log import Caller, OperationError, transaction, write_operation
from leadloop.inbox.operations.scenario_pauses import (
    ScenarioPause,
    follow_scenario,
    out_of_line,
    pause_key,
    pauses,
    read_pause,
    scenario_pause,
    write_pause,
)
from leadloop.inbox.operations.topic import OPERATIONS
from leadloop.inbox.operations.view import operation_json
from leadloop.inbox.relaying.putting_off import PutOff
from leadloop.storage.database import announce, lock_enrolment, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Operation, Setting

_BATCH = 100
_put_off = PutOff("scenario_pauses")


@dataclass(frozen=True)
class ScenarioResult:
    """A scenario after the command; `no_op` says why nothing changed, a key of `NO_OPS`."""

    scenario: str
    paused: bool
    clock: str | None
    concerned: int
    """Open journeys of the scenario at that moment."""
    no_op: str | None = None
    operation: Operation | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the API and the command show it."""
        return {
            "scenario": self.scenario,
            "paused": self.paused,
            "clock": self.clock,
            "journeys": self.concerned,
            "operation": operation_json(self.operation) if self.operation is not None else None,
        }


def pause_scenario(
    env: Environment, scenario: str, caller: Caller, clock: str | None = None
) -> ScenarioResult:
    """Pause a scenario: no turn, no mail of it from the next claim on. Who enters begins paused.

    `clock` is `run` if it is not named; a pause that there is already must have it, if it is named.
    """
    return _switch(env, scenario, caller, "pause", check_clock(clock), any_clock=clock is None)


def resume_scenario(env: Environment, scenario: str, caller: Caller) -> ScenarioResult:
    """Let a paused scenario go on; journeys that were paused by themselves stay so."""
    return _switch(env, scenario, caller, "resume", None)


def _switch(
    env: Environment,
    scenario: str,
    caller: Caller,
    action: str,
    clock: str | None,
    *,
    any_clock: bool = False,
) -> ScenarioResult:
    with transaction(env, caller) as session:
        known = env.publications.current(session).publication.plans
        opened = _open(session, scenario)
        present = scenario_pause(session, scenario)
        if scenario not in known and not opened and present is None:
            raise OperationError("not_found", f"no scenario `{scenario[:60]}` is published, and none runs")
        found = present.clock if present is not None else None
        if (present is not None) == (clock is not None):
            fits = any_clock or clock == found
            no_op = "not_paused" if clock is None else "already_paused" if fits else OTHER_CLOCK
            return ScenarioResult(scenario, present is not None, found, opened, no_op)
        write_pause(session, scenario, clock is not None, clock or str(found), env.clock.now())
        operation = write_operation(
            session, env, caller, action, scenario=scenario, clock=clock, journeys=opened
        )
        announce(session, OPERATIONS)
        return ScenarioResult(scenario, clock is not None, clock, opened, None, operation)


def _open(session: Session, scenario: str) -> int:
    return session.exec(
        select(func.count())
        .select_from(Enrolment)
        .where(Enrolment.scenario == scenario, Enrolment.status != EnrolmentStatus.ENDED)
    ).one()


def settle_scenarios(
    env: Environment, limit: int = _BATCH, progress: Callable[[int], None] = lambda done: None
) -> int:
    """Bring up to `limit` journeys in line with the pause of their scenario; return how many."""
    broken = _put_off.ids()
    with env.database.read() as session:
        wishes = [one for one in pauses(session) if not one.settled]
        found: list[tuple[str, str]] = []
        for wish in wishes:
            rows = session.exec(
                select(Enrolment.id, Enrolment.lead_id)
                .where(*out_of_line(wish), col(Enrolment.id).not_in(broken))
                .order_by(col(Enrolment.id))
                .limit(limit)
            ).all()
            found = [(enrolment_id, lead_id) for enrolment_id, lead_id in rows]
            if found:
                break
    for number, (enrolment_id, lead_id) in enumerate(found, 1):
        _put_off.attempt(enrolment_id, partial(_settle_one, env, enrolment_id, lead_id))
        progress(number)
    if not found and not broken:
        for wish in wishes:
            _end(env, wish)
    return len(found)


def _settle_one(env: Environment, enrolment_id: str, lead_id: str) -> None:
    with env.database.write() as session:
        application = Application(session, env, lock_lead(session, lead_id), env.clock.now())
        application.apply_pending()
        enrolment = lock_enrolment(session, enrolment_id)
        was_paused = enrolment.status == EnrolmentStatus.PAUSED
        follow_scenario(application, enrolment)
        if was_paused and enrolment.status != EnrolmentStatus.PAUSED:
            application.settle()  # what its conditions missed


def _end(env: Environment, wish: ScenarioPause) -> None:
    """Note that nobody is left, or forget a pause that is over."""
    with env.database.write() as session:
        row = session.get(Setting, pause_key(wish.scenario), with_for_update=True)
        if (
            row is None
            or read_pause(wish.scenario, row.value) != wish
            or session.exec(select(Enrolment.id).where(*out_of_line(wish)).limit(1)).first()
        ):
            return
        if wish.on:
            row.value = {**row.value, "settled": True}
            session.add(row)
        else:
            session.delete(row)
