"""Waits on a date of the lead or of a record follow it when it changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from leadloop.cli.explanations import explain_lead
from leadloop.cli.why import lines_of
from leadloop.inbox.apply import Application
from leadloop.language import plan as p
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Enrolment, EnrolmentStatus, Lead, RecycledLoss, Turn
from tests.factories import NOW, ManualClock, make_lead
from tests.inbox.driver import journeys, report, settle
from tests.inbox.seminars import STARTS, environment, plan, put_seminar, registered

DAY_BEFORE = p.WaitSpec(
    until=p.Until(fact="run.seminar.starts_at", offset=p.Span(amount=-1, unit="days")),
    if_past=p.Target(exit="too_late"),
)
WAIT = p.WaitStep(id="eve", wait=DAY_BEFORE, next=p.Target(exit="on_time"))
TIMING = p.WaitSpec(until=p.Until(fact="lead.purchase_timing"), if_past=p.Target(exit="too_late"))


def register(env: Environment, key: str = "s1", email: str = "hanako@kaisha.example") -> Enrolment:
    report(env, "seminar_registered", email=email, properties={"seminar": key})
    settle(env)
    return journeys(env)[-1]


def row(env: Environment, journey: Enrolment) -> Enrolment:
    with env.database.read() as session:
        return session.get_one(Enrolment, journey.id)


def trace(env: Environment, journey: Enrolment) -> list[dict[str, Any]]:
    with env.database.read() as session:
        turns = session.exec(
            select(Turn).where(Turn.enrolment_id == journey.id).order_by(col(Turn.turn_no))
        ).all()
    return [line for turn in turns for line in turn.trace if line["did"] in ("wait", "await", "recycle")]


def set_timing(env: Environment, lead_id: str, day: str | None) -> None:
    """Change a field of the lead, as an import does."""
    with env.database.write() as session:
        application = Application(session, env, lock_lead(session, lead_id), env.clock.now())
        others = {name: value for name, value in application.lead.fields.items() if name != "purchase_timing"}
        application.lead.fields = others | ({"purchase_timing": day} if day else {})
        application.changed()
        application.settle()
    settle(env)


def test_a_wait_follows_the_date_of_its_record(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(WAIT))
    put_seminar(env)
    journey = register(env)
    assert row(env, journey).due_at == STARTS - timedelta(days=1)
    put_seminar(env, starts=STARTS + timedelta(days=7))
    settle(env)
    assert row(env, journey).due_at == STARTS + timedelta(days=6)
    assert trace(env, journey)[-1]["moved"] is True
    clock.instant = STARTS
    settle(env)
    assert row(env, journey).status == EnrolmentStatus.RUNNING
    put_seminar(env, starts=STARTS + timedelta(days=2))  # and back again: the new arm follows too
    settle(env)
    clock.instant = STARTS + timedelta(days=1)
    settle(env)
    assert row(env, journey).outcome == "on_time"


def test_a_date_that_is_moved_into_the_past_goes_by_if_past(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(WAIT))
    put_seminar(env)
    journey = register(env)
    put_seminar(env, starts=NOW + timedelta(hours=5))
    settle(env)
    assert row(env, journey).outcome == "too_late"
    assert trace(env, journey)[-1] == {"step": "eve", "did": "wait", "past": True, "moved": True}


def test_what_leaves_the_date_as_it_is_moves_nothing(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(WAIT))
    put_seminar(env)
    journey = register(env)
    put_seminar(env, title="別の題", starts=STARTS.astimezone(UTC))
    put_seminar(env, "s2", starts=NOW + timedelta(days=2))
    settle(env)
    after = row(env, journey)
    assert (after.turn_no, after.due_at) == (1, STARTS - timedelta(days=1))


def test_each_journey_follows_its_own_record(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(WAIT))
    put_seminar(env, "s1")
    put_seminar(env, "s2")
    first, second = register(env, "s1"), register(env, "s2")
    third = register(env, "s1", email="jiro@kaisha.example")
    moved = put_seminar(env, "s1", starts=STARTS + timedelta(days=1))
    settle(env)
    assert moved.told == 2
    assert [row(env, one).due_at for one in (first, second, third)] == [
        STARTS,
        STARTS - timedelta(days=1),
        STARTS,
    ]


def test_a_date_that_nobody_knows_yet_is_waited_for(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(WAIT))
    journey = register(env)
    waiting = row(env, journey)
    assert (waiting.status, waiting.due_at) == (EnrolmentStatus.RUNNING, None)
    assert trace(env, journey) == [{"step": "eve", "did": "wait", "unknown": "run.seminar.starts_at"}]
    put_seminar(env)
    settle(env)
    assert row(env, journey).due_at == STARTS - timedelta(days=1)


def test_a_date_that_becomes_unknown_is_waited_for_again(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(WAIT))
    put_seminar(env)
    journey = register(env)
    put_seminar(env, starts=None)
    settle(env)
    assert (row(env, journey).status, row(env, journey).due_at) == (EnrolmentStatus.RUNNING, None)
    clock.instant = STARTS + timedelta(days=30)
    settle(env)
    assert row(env, journey).status == EnrolmentStatus.RUNNING
    put_seminar(env, starts=clock.instant + timedelta(days=3))
    settle(env)
    assert row(env, journey).due_at == clock.instant + timedelta(days=2)


def test_a_timeout_follows_its_date_and_the_branches_stay(tmp_path: Path, clock: ManualClock) -> None:
    step = p.AwaitStep(
        id="day",
        branches=(p.Branch(match=registered("event_attended"), go=p.Target(exit="attended")),),
        timeout=DAY_BEFORE,
        on_timeout=p.Target(exit="absent"),
    )
    env = environment(tmp_path, clock, plan(step))
    put_seminar(env)
    first, second = register(env), register(env, email="jiro@kaisha.example")
    put_seminar(env, starts=STARTS + timedelta(days=7))
    settle(env)
    assert row(env, first).due_at == STARTS + timedelta(days=6)
    assert trace(env, first)[-1]["moved"] is True
    report(env, "event_attended", lead_id=second.lead_id, properties={"seminar": "s1"})
    settle(env)
    clock.instant = STARTS + timedelta(days=6)
    settle(env)
    assert (row(env, first).outcome, row(env, second).outcome) == ("absent", "attended")


def test_a_timeout_whose_date_is_unknown_waits_for_events_and_for_the_date(
    tmp_path: Path, clock: ManualClock
) -> None:
    step = p.AwaitStep(
        id="day",
        branches=(p.Branch(match=registered("event_attended"), go=p.Target(exit="attended")),),
        timeout=DAY_BEFORE,
        on_timeout=p.Target(exit="absent"),
    )
    env = environment(tmp_path, clock, plan(step))
    first, second = register(env), register(env, email="jiro@kaisha.example")
    report(env, "event_attended", lead_id=first.lead_id, properties={"seminar": "s1"})
    settle(env)
    put_seminar(env, starts=NOW + timedelta(hours=3))
    settle(env)
    assert (row(env, first).outcome, row(env, second).outcome) == ("attended", "too_late")


@pytest.mark.parametrize(
    ("day", "due"),
    [
        ("2027-04-05", datetime(2027, 4, 5, 0, 0, tzinfo=UTC)),
        ("2027-05", datetime(2027, 5, 6, 0, 0, tzinfo=UTC)),  # the first business day after Golden Week
    ],
)
def test_a_wait_follows_a_date_of_the_lead(
    tmp_path: Path, clock: ManualClock, day: str, due: datetime
) -> None:
    timing = p.WaitStep(id="timing", wait=TIMING)
    env = environment(tmp_path, clock, plan(timing, per="lead"), workspace=_with_window())
    with env.database.write() as session:
        lead = make_lead(
            session, env, email="hanako@kaisha.example", fields={"purchase_timing": "2027-01-12"}
        )
    journey = register(env)
    assert row(env, journey).due_at == datetime(2027, 1, 12, 0, 0, tzinfo=UTC)
    set_timing(env, lead.id, day)
    assert row(env, journey).due_at == due


def test_a_lead_field_that_is_entered_later_releases_the_wait(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(p.WaitStep(id="timing", wait=TIMING), per="lead"))
    journey = register(env)
    assert row(env, journey).due_at is None
    set_timing(env, journey.lead_id, "2026-01-01")
    assert row(env, journey).outcome == "too_late"


def test_a_date_of_the_entry_is_not_followed(tmp_path: Path, clock: ManualClock) -> None:
    spec = p.WaitSpec(until=p.Until(fact="run.entry.revisit_on"))
    lost = plan(p.WaitStep(id="w", wait=spec), per="lead", entry=p.EventMatch(event="deal_lost"))
    env = environment(tmp_path, clock, lost)
    report(env, "deal_lost", email="hanako@kaisha.example", properties={"deal": "d1"})
    settle(env)
    (journey,) = journeys(env)
    assert journey.status == EnrolmentStatus.HELD
    assert journey.held_reason == "`w` waits for `run.entry.revisit_on`, and that date is not known"
    assert journey.held_code == "unknown_date"


def _recycling(tmp_path: Path, clock: ManualClock) -> tuple[Environment, Enrolment]:
    rest = p.RecycleStep(
        id="back",
        until="lead.purchase_timing",
        cooldown={"default": p.Span(amount=60, unit="days")},
        bypass=(p.Branch(match=registered("survey_answered"), go=p.Target(exit="asked")),),
        max_cycles=3,
        on_max=p.Target(exit="given_up"),
        next=p.Target(exit="rested"),
    )
    env = environment(tmp_path, clock, plan(rest, per="lead", entry=p.EventMatch(event="deal_lost")))
    report(env, "deal_lost", email="hanako@kaisha.example", properties={"deal": "d1"})
    settle(env)
    return env, journeys(env)[0]


def test_a_rest_follows_the_date_and_counts_its_cycle_once(tmp_path: Path, clock: ManualClock) -> None:
    env, journey = _recycling(tmp_path, clock)
    assert row(env, journey).due_at == NOW + timedelta(days=60)
    set_timing(env, journey.lead_id, "2027-04-05")
    moved = row(env, journey).due_at
    assert moved == datetime(2027, 4, 5, 0, 0, tzinfo=UTC)
    with env.database.read() as session:
        lead = session.get_one(Lead, journey.lead_id)
        assert (lead.cycle, lead.recycle_until) == (1, moved)
        assert len(session.exec(select(RecycledLoss)).all()) == 1
    clock.instant = moved
    settle(env)
    assert row(env, journey).outcome == "rested"


def test_a_rest_whose_date_is_taken_back_is_the_cool_down_from_its_beginning(
    tmp_path: Path, clock: ManualClock
) -> None:
    env, journey = _recycling(tmp_path, clock)
    clock.advance(days=10)
    set_timing(env, journey.lead_id, "2027-04-05")
    clock.advance(days=10)
    set_timing(env, journey.lead_id, None)
    assert row(env, journey).due_at == NOW + timedelta(days=60)


def test_a_rest_ends_when_its_date_is_moved_into_the_past(tmp_path: Path, clock: ManualClock) -> None:
    env, journey = _recycling(tmp_path, clock)
    set_timing(env, journey.lead_id, "2026-11-02")
    assert row(env, journey).outcome == "rested"
    with env.database.read() as session:
        assert session.get_one(Lead, journey.lead_id).recycle_until is None


def test_a_bypass_still_cuts_a_moved_rest_short(tmp_path: Path, clock: ManualClock) -> None:
    env, journey = _recycling(tmp_path, clock)
    set_timing(env, journey.lead_id, "2027-04-05")
    report(env, "survey_answered", lead_id=journey.lead_id)
    settle(env)
    assert row(env, journey).outcome == "asked"


def _with_window() -> p.Workspace:
    from tests.factories import EVENTS, make_workspace
    from tests.inbox.seminars import RECORD_EVENTS, RECORDS

    limits = p.Limits(send_window=p.SendWindow(calendar="office"))
    return make_workspace(records=RECORDS, events=EVENTS | RECORD_EVENTS, limits=limits)


def test_why_says_that_the_date_changed(tmp_path: Path, clock: ManualClock) -> None:
    env = environment(tmp_path, clock, plan(WAIT))
    put_seminar(env)
    journey = register(env)
    put_seminar(env, starts=STARTS + timedelta(days=7))
    settle(env)
    with env.database.read() as session:
        found = explain_lead(session, env, journey.lead_id)
    lines = "\n".join(lines_of(found))
    assert "because the date it waits for changed" in lines
    assert "another run.seminar.starts_at" in lines


def test_condition_that_turns_true_while_a_moved_date_waits_for_its_turn_counts(
    tmp_path: Path, clock: ManualClock
) -> None:
    """The date's arm is satisfied first, so the others are not looked at until the turn is taken."""
    confirmed = p.Expression(
        source="lead.budget_confirmed == true", variables={"lead.budget_confirmed": "bool"}
    )
    wait = p.AwaitStep(
        id="eve",
        branches=(p.Branch(match=p.WhenMatch(when=confirmed), go=p.Target(exit="confirmed")),),
        timeout=TIMING.model_copy(update={"if_past": None}),
        on_timeout=p.Target(exit="late"),
    )
    env = environment(tmp_path, clock, plan(wait))
    put_seminar(env)
    journey = register(env)
    for name, value in (("purchase_timing", "2026-12-01"), ("budget_confirmed", True)):
        with env.database.write() as session:
            application = Application(session, env, lock_lead(session, journey.lead_id), env.clock.now())
            application.lead.fields = {**application.lead.fields, name: value}
            application.changed()
            application.settle()
    settle(env)
    assert row(env, journey).outcome == "confirmed"
