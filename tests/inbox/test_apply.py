"""Applying events: entries, re-entry, parked events, derived events, stages, cool-down."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from leadloop.inbox.applier import apply_once
from leadloop.inbox.apply import MAX_DEPTH
from leadloop.inbox.relaying.due import run_due
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.publications import publish
from leadloop.storage.tables import (
    Due,
    Enrolment,
    EnrolmentStatus,
    Event,
    Lead,
    LeadScore,
    Message,
    MessageStatus,
    Offer,
)
from tests.factories import (
    NOW,
    ManualClock,
    make_environment,
    make_lead,
    make_plans,
    make_publication,
    make_scoring,
)
from tests.inbox.driver import events, journeys, mails, report, settle

NURTURE = "whitepaper-nurture"


def _world(tmp_path: Path, clock: ManualClock, **nurture: object) -> Environment:
    """An environment where the nurture scenario has other settings."""
    plans = make_plans()
    plans[NURTURE] = plans[NURTURE].model_copy(update=nurture)
    return make_environment(tmp_path, make_publication(plans=plans), clock)


def _form(env: Environment, form: str = "whitepaper") -> str:
    result = report(
        env, "form_submitted", email="taro@kaisha.example", properties={"form": form},
        identity={"consent": True}, source="form", trust="verified",
    )  # fmt: skip
    settle(env)
    assert result.lead_id is not None
    return result.lead_id


def _finish(env: Environment, clock: ManualClock) -> None:
    clock.advance(days=5)
    settle(env)
    assert journeys(env, NURTURE)[-1].status == EnrolmentStatus.ENDED


# --- entries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "count", "outcome"),
    [("never", 1, None), ("after_exit", 1, None), ("always", 2, "restarted")],
)
def test_entry_while_the_journey_is_open(
    tmp_path: Path, clock: ManualClock, mode: str, count: int, outcome: str | None
) -> None:
    env = _world(tmp_path, clock, reentry=p.Reentry(mode=mode))
    _form(env)
    _form(env)
    rows = journeys(env, NURTURE)
    assert len(rows) == count
    assert rows[0].outcome == outcome
    assert rows[-1].status == EnrolmentStatus.RUNNING
    assert len(events(env, "entry_repeated")) == (mode != "always")
    env.database.close()


@pytest.mark.parametrize(("mode", "count"), [("never", 1), ("after_exit", 2), ("always", 2)])
def test_entry_after_the_end(tmp_path: Path, clock: ManualClock, mode: str, count: int) -> None:
    env = _world(tmp_path, clock, reentry=p.Reentry(mode=mode))
    _form(env)
    _finish(env, clock)
    _form(env)
    assert len(journeys(env, NURTURE)) == count
    env.database.close()


def test_entry_after_the_end_waits_for_its_cooldown(tmp_path: Path, clock: ManualClock) -> None:
    span = p.Span(amount=90, unit="days")
    env = _world(tmp_path, clock, reentry=p.Reentry(mode="after_exit", cooldown=span))
    _form(env)
    _finish(env, clock)
    clock.advance(days=89)
    _form(env)
    assert len(journeys(env, NURTURE)) == 1
    clock.advance(days=1)
    _form(env)
    assert len(journeys(env, NURTURE)) == 2
    env.database.close()


@pytest.mark.parametrize(("employees", "count"), [(100, 1), (99, 0), (None, 0)])
def test_entry_asks_for_the_audience_and_unknown_is_not_true(
    tmp_path: Path, clock: ManualClock, employees: int | None, count: int
) -> None:
    audience = p.Expression(source="lead.employees >= 100", variables={"lead.employees": "int"})
    env = _world(tmp_path, clock, audience=audience)
    with env.database.write() as session:
        fields = {} if employees is None else {"employees": employees}
        lead = make_lead(session, env, fields=fields)
    report(env, "form_submitted", lead_id=lead.id, properties={"form": "whitepaper"})
    apply_once(env)
    assert len(journeys(env, NURTURE)) == count
    env.database.close()


def test_entry_is_refused_where_the_goal_is_met(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session, env, stage="mql")
    report(env, "form_submitted", lead_id=lead.id, properties={"form": "whitepaper"})
    apply_once(env)
    assert journeys(env, NURTURE) == []


# --- parked and derived events ---------------------------------------------------------------------


def test_event_that_cannot_be_applied_is_parked_and_later_ones_go_on(env: Environment) -> None:
    with env.database.write() as session:
        lead = make_lead(session, env)
    report(env, "page_viewed", lead_id=lead.id, properties={"path": "/"})
    poisoned = report(env, "page_viewed", lead_id=lead.id, properties={"path": "/a"})
    report(env, "page_viewed", lead_id=lead.id, properties={"path": "/b"})
    with env.database.write() as session:
        event = session.get_one(Event, poisoned.event_id)  # as no ingest lets in
        event.type, event.properties = "deal_lost", {"deal": "d", "revisit_on": "2026-99"}
        session.add(event)
    settle(env)
    with env.database.read() as session:
        row = session.get_one(Event, poisoned.event_id)
        entries = session.get_one(LeadScore, (lead.id, "engagement")).points
        seqs = session.exec(select(Event.lead_seq).where(Event.type == "page_viewed")).all()
    assert row.parked is not None
    assert row.applied_at is not None
    assert entries == 6
    assert sorted(seq for seq in seqs if seq) == [1, 2]


def test_derived_events_stop_at_their_depth(tmp_path: Path, clock: ManualClock) -> None:
    """Two transitions that undo each other would record events for ever."""
    back_and_forth = p.Lifecycle(
        stages=("lead", "mql"),
        transitions=(
            p.Transition(id="up", source=("lead",), to="mql", event=p.EventMatch(event="page_viewed")),
            p.Transition(id="up2", source=("lead",), to="mql", event=p.EventMatch(event="stage_changed")),
            p.Transition(id="down", source=("mql",), to="lead", event=p.EventMatch(event="stage_changed")),
        ),
    )
    env = make_environment(tmp_path, make_publication(plans={}, lifecycle=back_and_forth), clock)
    with env.database.write() as session:
        lead = make_lead(session, env)
    report(env, "page_viewed", lead_id=lead.id, properties={"path": "/"})
    apply_once(env)
    changes = events(env, "stage_changed")
    assert len(changes) == MAX_DEPTH
    assert {event.parked for event in changes} == {None}
    env.database.close()


def test_stage_condition_fires_when_it_turns_true_only(env: Environment, clock: ManualClock) -> None:
    lead_id = _form(env, "contact")
    assert [change.properties["to"] for change in events(env, "stage_changed")] == ["mql"]
    with env.database.write() as session:
        lead = session.get_one(Lead, lead_id)
        lead.stage = "lead"  # by hand; the condition is still true, it did not turn
        session.add(lead)
    report(env, "page_viewed", lead_id=lead_id, properties={"path": "/"})
    apply_once(env)
    with env.database.read() as session:
        assert session.get_one(Lead, lead_id).stage == "lead"


def test_score_reached_exactly_reaches_its_band_however_late_it_is_applied(
    env: Environment, clock: ManualClock
) -> None:
    """Thirty points are hot from thirty: decay must not take one away before anybody looks."""
    result = report(env, "form_submitted", email="a@b.example", properties={"form": "contact"})
    clock.advance(seconds=5)
    apply_once(env)
    with env.database.read() as session:
        score = session.get_one(LeadScore, (result.lead_id, "engagement"))
    assert (score.points, score.band) == (30, "hot")


# --- what time alone causes ------------------------------------------------------------------------


def test_due_leaves_a_band_below_its_hysteresis(env: Environment, clock: ManualClock) -> None:
    lead_id = _form(env, "contact")
    with env.database.read() as session:
        due = session.get_one(Due, f"decay:{lead_id}:engagement")
    assert NOW + timedelta(days=8) < due.due_at < NOW + timedelta(days=9)  # 30 -> 24.5, half-life 30 days
    clock.instant = due.due_at - timedelta(seconds=2)
    assert run_due(env) == 0
    clock.advance(seconds=2)
    assert run_due(env) == 1
    assert [e.properties["to"] for e in events(env, "band_changed")] == ["hot", "warm"]
    with env.database.read() as session:
        assert session.get_one(Due, due.key).due_at > clock.now()


def test_due_of_a_model_no_longer_published_is_dropped(env: Environment, clock: ManualClock) -> None:
    """It must not stop the due rows of everybody else."""
    _form(env, "contact")
    with env.database.write() as session:
        publish(session, make_publication(scoring=p.Scoring(), lifecycle=p.Lifecycle()), "tests", NOW)
    clock.advance(days=20)
    run_due(env)
    with env.database.read() as session:
        assert session.exec(select(Due).where(Due.kind == "decay")).all() == []


def test_cooldown_hides_heat_and_its_end_shows_it(env: Environment, clock: ManualClock) -> None:
    lead_id = _form(env, "contact")
    report(env, "deal_lost", lead_id=lead_id, properties={"deal": "d", "reason": "timing"}, source="sales")
    settle(env)
    clock.advance(days=59)
    report(env, "form_submitted", lead_id=lead_id, properties={"form": "contact"}, source="form")
    settle(env)
    with env.database.read() as session:
        assert session.get_one(Lead, lead_id).stage == "recycled"
    clock.advance(days=1)
    settle(env)
    with env.database.read() as session:
        lead = session.get_one(Lead, lead_id)
    assert (lead.stage, lead.recycle_until) == ("mql", None)


def test_loss_is_recycled_once_and_counts_one_cycle(env: Environment, clock: ManualClock) -> None:
    lead_id = _form(env, "contact")
    for _ in range(2):
        report(
            env, "deal_lost", lead_id=lead_id, properties={"deal": "d", "reason": "timing"}, source="sales"
        )
        settle(env)
    with env.database.read() as session:
        assert session.get_one(Lead, lead_id).cycle == 1


def test_journey_that_ends_takes_its_held_mail_and_offer_along(env: Environment) -> None:
    _form(env)
    (journey,) = journeys(env, NURTURE)
    with env.database.write() as session:
        message = session.exec(select(Message)).one()
        message.status, message.hold_until = MessageStatus.HELD, NOW + timedelta(days=1)
        session.add(message)
        row = session.get_one(Enrolment, journey.id)
        row.next = {"kind": "wait"}
        session.add(row)
    report(env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "*"}, source="tracking")
    settle(env)
    (mail,) = mails(env)
    assert (mail.status, mail.hold_until) == (MessageStatus.SKIPPED, None)


def test_offer_of_a_refused_lead_is_withdrawn(env: Environment) -> None:
    lead_id = _form(env, "contact")
    report(env, "unsubscribed", lead_id=lead_id, properties={"topic": "*"}, source="tracking")
    settle(env)
    with env.database.read() as session:
        offer = session.exec(select(Offer)).one()
        assert session.get_one(Lead, lead_id).in_sales is False
    assert offer.status.value not in ("offered", "accepted")


def test_cap_bounds_the_sum(tmp_path: Path, clock: ManualClock) -> None:
    model = make_scoring().models["engagement"].model_copy(update={"cap": 40})
    env = make_environment(tmp_path, make_publication(scoring=p.Scoring(models={"engagement": model})), clock)
    lead_id = _form(env, "contact")
    report(env, "form_submitted", lead_id=lead_id, properties={"form": "contact"})
    apply_once(env)
    with env.database.read() as session:
        assert session.get_one(LeadScore, (lead_id, "engagement")).points == 40
    env.database.close()
