"""`take_turn`: the head protocol, ties, looking back, and what ends a journey."""

from __future__ import annotations

import multiprocessing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from leadloop.contracts import TurnRequest
from leadloop.inbox.applier import apply_once
from leadloop.inbox.turns.turn import TurnGapError, take_turn
from leadloop.keys import Keys
from leadloop.language import plan as p
from leadloop.storage.database import Database, RowMissingError
from leadloop.storage.environment import Environment
from leadloop.storage.publications import PublicationStore
from leadloop.storage.tables import ArmedWait, Enrolment, EnrolmentStatus, Message, MessageStatus, Turn, Wake
from tests.factories import NOW, SECRET, ManualClock, make_environment, make_plans, make_publication
from tests.inbox.driver import journeys, mails, mark_sent, report, settle, turn


def enter(env: Environment, name: str = "taro", form: str = "whitepaper") -> Enrolment:
    """Apply a form; return the nurture journey, before its first turn."""
    result = report(
        env,
        "form_submitted",
        email=f"{name}@kaisha.example",
        properties={"form": form},
        identity={"family_name": "山田", "consent": True},
        source="form",
        trust="verified",
    )
    apply_once(env)
    return next(row for row in journeys(env) if row.lead_id == result.lead_id)


def row_of(env: Environment, enrolment_id: str) -> Enrolment:
    with env.database.read() as session:
        return session.get_one(Enrolment, enrolment_id)


def change(env: Environment, enrolment_id: str, **values: Any) -> None:
    with env.database.write() as session:
        row = session.get_one(Enrolment, enrolment_id)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)


def click(env: Environment, lead_id: str) -> None:
    report(env, "email_clicked", lead_id=lead_id, message_id=mails(env)[0].id, source="tracking")


def wait_in_read(env: Environment) -> Enrolment:
    """Return a journey that waits for the click: turns 1 (send) and 2 (await) are taken."""
    journey = enter(env)
    turn(env, journey.id, 1)
    mark_sent(env, mails(env)[0].id)
    turn(env, journey.id, 2)
    return row_of(env, journey.id)


# --- head -------------------------------------------------------------------------------------


def test_turn_at_or_below_head_returns_head_and_writes_nothing(env: Environment) -> None:
    journey = wait_in_read(env)
    for number in (0, 1, 2):
        reply = turn(env, journey.id, number)
        assert (reply.status, reply.turn_no, reply.next.kind) == ("committed", 2, "wait")
    with env.database.read() as session:
        assert len(session.exec(select(Turn)).all()) == 2


def test_turn_not_due_writes_nothing(env: Environment, clock: ManualClock) -> None:
    journey = wait_in_read(env)
    clock.advance(days=4)
    reply = turn(env, journey.id, 3)
    assert (reply.status, reply.turn_no) == ("not_yet", 2)
    assert reply.wait_seconds == timedelta(days=1).total_seconds()
    assert row_of(env, journey.id) == journey


def test_turn_due_commits_at_the_very_instant(env: Environment, clock: ManualClock) -> None:
    journey = wait_in_read(env)
    clock.advance(days=5)
    assert turn(env, journey.id, 3).status == "committed"


def test_turn_beyond_the_next_is_a_gap(env: Environment) -> None:
    journey = wait_in_read(env)
    with pytest.raises(TurnGapError, match="turn 4 asked for, head is 2"):
        turn(env, journey.id, 4)


def test_turn_of_unknown_journey_is_missing(env: Environment) -> None:
    with pytest.raises(RowMissingError):
        turn(env, "nobody", 1)


def test_turn_waits_for_its_unfinished_message(env: Environment) -> None:
    journey = enter(env)
    assert turn(env, journey.id, 1).next.kind == "send"
    reply = turn(env, journey.id, 2)
    assert (reply.status, reply.turn_no, reply.next.kind) == ("not_yet", 1, "send")


@pytest.mark.parametrize("status", ["sent", "skipped", "failed", "uncertain"])
def test_turn_goes_on_after_any_end_of_its_message(env: Environment, status: str) -> None:
    journey = enter(env)
    turn(env, journey.id, 1)
    with env.database.write() as session:
        message = session.exec(select(Message)).one()
        message.status = MessageStatus(status)
        session.add(message)
    assert turn(env, journey.id, 2).status == "committed"


def test_turn_of_an_older_generation_is_superseded(env: Environment) -> None:
    journey = wait_in_read(env)
    change(env, journey.id, generation=2)
    reply = turn(env, journey.id, 3, generation=1)
    assert (reply.status, reply.next.kind) == ("superseded", "end")
    assert turn(env, journey.id, 3, generation=2).status == "not_yet"


def test_turn_of_a_paused_journey_waits_for_a_wake(env: Environment, clock: ManualClock) -> None:
    journey = wait_in_read(env)
    change(env, journey.id, status=EnrolmentStatus.PAUSED)
    clock.advance(days=9)
    reply = turn(env, journey.id, 3)
    assert (reply.status, reply.next.kind, reply.wait_seconds) == ("not_yet", "wait", None)
    change(env, journey.id, status=EnrolmentStatus.RUNNING)
    assert turn(env, journey.id, 3).status == "committed"


def test_turn_of_a_paused_journey_does_not_send_again_and_again(env: Environment) -> None:
    journey = enter(env)
    turn(env, journey.id, 1)
    mark_sent(env, mails(env)[0].id)
    change(env, journey.id, status=EnrolmentStatus.PAUSED)
    assert turn(env, journey.id, 2).next.kind == "wait"


def test_turn_after_the_end_returns_the_end(env: Environment, clock: ManualClock) -> None:
    journey = wait_in_read(env)
    clock.advance(days=5)
    settle(env)
    head = row_of(env, journey.id).turn_no
    for number in (1, head, head + 1):
        reply = turn(env, journey.id, number)
        assert (reply.turn_no, reply.next.kind, reply.next.outcome) == (head, "end", "completed")


def test_turn_that_fails_leaves_nothing(tmp_path: Path) -> None:
    plans = make_plans()
    step = p.ScoreStep(id="thanks", model="engagement", points=1, next=p.Target(step="gone"))
    broken = plans["whitepaper-nurture"].model_copy(update={"steps": {"thanks": step}})
    env = make_environment(tmp_path, make_publication(plans={"whitepaper-nurture": broken}))
    journey = enter(env)
    with pytest.raises(KeyError):
        turn(env, journey.id, 1)
    assert row_of(env, journey.id).turn_no == 0
    with env.database.read() as session:
        assert session.exec(select(Turn)).all() == []
    env.database.close()


# --- events and time ----------------------------------------------------------------------------


def test_turn_counts_an_event_that_nobody_applied_yet(env: Environment) -> None:
    journey = wait_in_read(env)
    click(env, journey.lead_id)
    assert turn(env, journey.id, 3).status == "committed"
    assert [mail.template for mail in mails(env)] == ["thanks", "case"]


def test_turn_prefers_the_event_where_both_came(env: Environment, clock: ManualClock) -> None:
    journey = wait_in_read(env)
    click(env, journey.lead_id)
    clock.advance(days=6)
    turn(env, journey.id, 3)
    with env.database.read() as session:
        cause = session.get_one(Turn, (journey.id, 3)).cause
    assert (cause["kind"], cause["type"]) == ("event", "email_clicked")


def test_turn_once_timed_out_ignores_the_late_event(env: Environment, clock: ManualClock) -> None:
    journey = wait_in_read(env)
    clock.advance(days=5)
    turn(env, journey.id, 3)
    click(env, journey.lead_id)
    apply_once(env)
    with env.database.read() as session:
        assert session.get_one(Turn, (journey.id, 3)).cause == {"kind": "due"}
        assert session.exec(select(ArmedWait)).all() == []
    assert [mail.template for mail in mails(env)] == ["thanks", "case"]


def test_turn_looks_back_to_the_send(env: Environment) -> None:
    journey = enter(env)
    turn(env, journey.id, 1)
    mark_sent(env, mails(env)[0].id)
    click(env, journey.lead_id)  # before the await began
    apply_once(env)
    turn(env, journey.id, 2)
    assert [mail.template for mail in mails(env)] == ["thanks", "case"]


def test_turn_never_counts_an_event_of_an_earlier_run(env: Environment, clock: ManualClock) -> None:
    journey = wait_in_read(env)
    click(env, journey.lead_id)
    settle(env)
    first_mail = mails(env)[0].id
    clock.advance(days=1)
    report(env, "form_submitted", lead_id=journey.lead_id, properties={"form": "whitepaper"})
    settle(env)
    second = journeys(env, "whitepaper-nurture")[1]
    assert (second.status, second.next["kind"]) == (EnrolmentStatus.RUNNING, "wait")
    report(
        env, "email_clicked", lead_id=journey.lead_id, message_id=first_mail, source="tracking"
    )  # a click, but in the mail of the run before
    settle(env)
    assert row_of(env, second.id).next["kind"] == "wait"


def test_turn_time_never_goes_back(env: Environment, clock: ManualClock) -> None:
    journey = enter(env)
    turn(env, journey.id, 1)
    mark_sent(env, mails(env)[0].id)
    clock.instant = NOW - timedelta(days=1)  # a server whose clock is behind
    turn(env, journey.id, 2)
    assert row_of(env, journey.id).moved_at == NOW
    assert row_of(env, journey.id).due_at == NOW + timedelta(days=5)


# --- exits ----------------------------------------------------------------------------------------


def test_exit_by_goal_is_immediate_and_wakes(env: Environment) -> None:
    journey = wait_in_read(env)
    with env.database.write() as session:
        for wake in session.exec(select(Wake)).all():
            session.delete(wake)
    report(env, "form_submitted", lead_id=journey.lead_id, properties={"form": "contact"})
    apply_once(env)
    row = row_of(env, journey.id)
    assert (row.status, row.outcome, row.due_at) == (EnrolmentStatus.ENDED, "goal", None)
    with env.database.read() as session:
        assert session.get(Wake, journey.id) is not None
        assert session.exec(select(ArmedWait).where(ArmedWait.enrolment_id == journey.id)).all() == []
    reply = turn(env, journey.id, 3)
    assert (reply.turn_no, reply.next.kind, reply.next.outcome) == (3, "end", "goal")


@pytest.mark.parametrize(
    ("topic", "ends"), [("*", True), ("nurture", True), ("service", False)], ids=["all", "own", "other"]
)
def test_exit_by_refusal_of_the_topic(env: Environment, topic: str, ends: bool) -> None:
    journey = wait_in_read(env)
    report(env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": topic}, source="tracking")
    apply_once(env)
    assert (row_of(env, journey.id).outcome == "unsubscribed") is ends


def test_exit_before_the_first_turn_is_closed_by_it(env: Environment) -> None:
    journey = enter(env)
    report(env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "*"}, source="tracking")
    reply = turn(env, journey.id, 1)
    assert (reply.turn_no, reply.next.kind, reply.next.outcome) == (1, "end", "unsubscribed")
    assert mails(env) == []


def make_shielded(tmp_path: Path) -> Environment:
    """An environment whose sales-handoff has the stage `opportunity` as its goal."""
    plans = make_plans()
    goal = (p.StageMatch(stages=("opportunity",)),)
    plans["sales-handoff"] = plans["sales-handoff"].model_copy(update={"goal": goal})
    lifecycle = p.Lifecycle(
        stages=("lead", "mql", "opportunity"),
        transitions=(
            p.Transition(
                id="hot",
                to="mql",
                event=p.EventMatch(
                    event="form_submitted", properties=(p.PropertyMatch(name="form", values=("contact",)),)
                ),
            ),
            p.Transition(id="deal", to="opportunity", event=p.EventMatch(event="deal_opened")),
        ),
    )
    return make_environment(tmp_path, make_publication(plans=plans, lifecycle=lifecycle))


def test_goal_waits_while_the_journey_is_in_its_own_hand_off(tmp_path: Path) -> None:
    env = make_shielded(tmp_path)
    lead_id = enter(env, form="contact").lead_id
    settle(env)
    report(env, "deal_opened", lead_id=lead_id, properties={"deal": "d1"}, source="sales")
    settle(env)
    assert journeys(env, "sales-handoff")[0].status == EnrolmentStatus.RUNNING
    report(env, "unsubscribed", lead_id=lead_id, properties={"topic": "*"}, source="tracking")
    settle(env)
    assert journeys(env, "sales-handoff")[0].outcome == "unsubscribed"
    env.database.close()


# --- two writers ----------------------------------------------------------------------------------


def _take_turns(url: str, enrolment_id: str, barrier: Any, replies: Any) -> None:
    database = Database(url)
    env = Environment(database, ManualClock(), Keys(SECRET), PublicationStore(database))
    barrier.wait()
    reply = take_turn(env, TurnRequest(enrolment_id=enrolment_id, generation=1, turn_no=1, now=NOW))
    replies.put((reply.status, reply.turn_no, reply.next.message_id))
    database.close()


def test_turn_taken_by_two_processes_is_committed_once(env: Environment) -> None:
    """Without `BEGIN IMMEDIATE` one of them fails: both read the head before either writes."""
    journey = enter(env)
    spawn = multiprocessing.get_context("spawn")
    barrier, replies = spawn.Barrier(2), spawn.Queue()
    processes = [
        spawn.Process(target=_take_turns, args=(env.database.url, journey.id, barrier, replies))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    found = {replies.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)
    assert found == {("committed", 1, mails(env)[0].id)}
    assert len(mails(env)) == 1


def test_turn_asked_again_says_that_the_next_may_be_taken(env: Environment) -> None:
    """A worker died after its commit, and the wake for what came since was heard before this question."""
    result = report(
        env,
        "form_submitted",
        email="wake@kaisha.example",
        properties={"form": "whitepaper"},
        identity={"consent": True},
        source="form",
        trust="verified",
    )
    settle(env)
    (journey,) = journeys(env)
    waiting = turn(env, journey.id, journey.turn_no).wait_seconds
    assert waiting is not None
    assert waiting > 0
    report(env, "email_clicked", lead_id=result.lead_id, message_id=mails(env)[0].id, source="tracking")
    apply_once(env)
    assert turn(env, journey.id, journey.turn_no).wait_seconds == 0
