"""Pause and resume: no turn, no mail; what people do counts; what the clock does is declared."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from leadloop.inbox.doctor import examine
from leadloop.inbox.erasure import erase_lead
from leadloop.inbox.operations.commands import cancel_journey, pause_journey, resume_journey
from leadloop.inbox.operations.log import Caller, OperationError
from leadloop.inbox.operations.loop import run_operations
from leadloop.inbox.operations.scenarios import pause_scenario, resume_scenario, settle_scenarios
from leadloop.language import plan as p
from leadloop.sales import commands as sales
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus, MessageStatus
from tests.factories import NOW
from tests.inbox.driver import journeys, mails, report, settle, turn
from tests.inbox.operations.plays import BY, SEND, advance, claim_and_send, go, log_of, waiting
from tests.inbox.played import enter, environment, plan_of, rest, row_of, submit
from tests.inbox.test_sales_lock import TO_SALES, hand_over

DAYS = timedelta(days=1)
READ = p.AwaitStep(
    id="read",
    branches=(p.Branch(match=p.EventMatch(event="page_viewed"), go=p.Target(exit="read")),),
    timeout=p.WaitSpec(span=p.Span(amount=10, unit="days")),
    on_timeout=p.Target(exit="silent"),
)


def sound(env: Environment) -> bool:
    return [one for one in examine(env).problems if "enrolment" in one] == []


@pytest.mark.parametrize(("clock", "ends_after"), [("run", 10), ("freeze", 13), ("restart", 15)])
@pytest.mark.parametrize("whole", [False, True], ids=["journey", "scenario"])
def test_wait_goes_on_as_the_clock_of_the_pause_says(
    tmp_path: Path, clock: str, ends_after: int, whole: bool
) -> None:
    """Two days of ten are over, then it is paused for three."""
    env, journey_id = waiting(tmp_path)
    advance(env, days=2)
    if whole:
        pause_scenario(env, "play", BY, clock)
    else:
        pause_journey(env, journey_id, BY, clock)
    go(env)
    assert row_of(env, journey_id).status == EnrolmentStatus.PAUSED
    assert sound(env)
    advance(env, days=3)
    if whole:
        resume_scenario(env, "play", BY)
    else:
        resume_journey(env, journey_id, BY)
    go(env)
    row = row_of(env, journey_id)
    assert (row.status, row.due_at) == (EnrolmentStatus.RUNNING, NOW + ends_after * DAYS)
    assert sound(env)
    env.clock.instant = NOW + ends_after * DAYS - timedelta(seconds=1)  # type: ignore[attr-defined]
    go(env)
    assert row_of(env, journey_id).outcome is None
    advance(env, seconds=1)
    assert row_of(env, journey_id).outcome == p.COMPLETED


DATED = [
    p.WaitSpec(until=p.Until(on=(NOW + 10 * DAYS).date())),
    p.WaitSpec(until=p.Until(fact="run.entered_at", offset=p.Span(amount=10, unit="days"))),
]


@pytest.mark.parametrize("clock", ["freeze", "restart"])
@pytest.mark.parametrize("spec", DATED, ids=["date", "fact"])
@pytest.mark.parametrize("step", ["wait", "await"])
def test_a_wait_until_a_date_ends_on_it_whatever_the_clock(
    tmp_path: Path, clock: str, spec: p.WaitSpec, step: str
) -> None:
    """A date is a date: it is not later because the journey was paused. What came due is done afterwards."""
    steps = {
        "wait": p.WaitStep(id="w", wait=spec, next=p.Target(exit="there")),
        "await": READ.model_copy(update={"id": "w", "timeout": spec, "on_timeout": p.Target(exit="there")}),
    }
    env, journey_id = waiting(tmp_path, steps[step])
    due_at = row_of(env, journey_id).due_at
    advance(env, days=2)
    pause_journey(env, journey_id, BY, clock)
    advance(env, days=3)
    resume_journey(env, journey_id, BY)
    go(env)
    assert row_of(env, journey_id).due_at == due_at
    assert sound(env)
    pause_journey(env, journey_id, BY, clock)
    advance(env, days=9)
    assert row_of(env, journey_id).outcome is None
    resume_journey(env, journey_id, BY)
    go(env)
    assert row_of(env, journey_id).outcome == "there"


def test_paused_wait_does_not_end_and_ends_at_once_after_the_pause(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    pause_journey(env, journey_id, BY, "run")
    advance(env, days=30)
    row = row_of(env, journey_id)
    assert (row.status, row.outcome) == (EnrolmentStatus.PAUSED, None)
    reply = turn(env, journey_id, row.turn_no + 1)
    assert (reply.status, reply.next.kind, reply.wait_seconds) == ("not_yet", "wait", None)
    resume_journey(env, journey_id, BY)
    go(env)
    assert row_of(env, journey_id).outcome == p.COMPLETED


@pytest.mark.parametrize("clock", ["run", "freeze", "restart"])
def test_what_a_person_does_in_a_pause_satisfies_the_await_after_it(tmp_path: Path, clock: str) -> None:
    env, journey_id = waiting(tmp_path, READ)
    lead_id = row_of(env, journey_id).lead_id
    pause_journey(env, journey_id, BY, clock)
    report(env, "page_viewed", lead_id=lead_id, properties={"path": "/"}, source="tracking")
    advance(env, days=20)
    assert row_of(env, journey_id).outcome is None
    resume_journey(env, journey_id, BY)
    go(env)
    assert row_of(env, journey_id).outcome == "read"


def test_goal_and_refusal_end_a_paused_journey_at_once(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    pause_journey(env, journey_id, BY)
    lead_id = row_of(env, journey_id).lead_id
    report(env, "unsubscribed", lead_id=lead_id, properties={"topic": "nurture"}, source="tracking")
    go(env)
    row = row_of(env, journey_id)
    assert (row.status, row.outcome, row.stops) == (EnrolmentStatus.ENDED, "unsubscribed", {})
    assert row.next["kind"] == "end"


@pytest.mark.parametrize("whole", [False, True], ids=["journey", "scenario"])
def test_mail_of_a_paused_journey_is_held_and_goes_after_it(tmp_path: Path, whole: bool) -> None:
    env = environment(tmp_path, plan_of(SEND, rest(days=3)))
    journey_id = enter(env, opt_in=True).id
    settle(env, deliver=lambda *_: None)
    assert [one.status for one in mails(env)] == [MessageStatus.NEW]
    if whole:  # nobody has told the journey yet
        pause_scenario(env, "play", BY)
    else:
        pause_journey(env, journey_id, BY)
    claim_and_send(env, mails(env)[0].id)
    advance(env, minutes=10)
    (mail,) = mails(env)
    assert (mail.status, mail.reason) == (MessageStatus.HELD, "paused")
    assert row_of(env, journey_id).status == EnrolmentStatus.PAUSED
    if whole:
        resume_scenario(env, "play", BY)
    else:
        resume_journey(env, journey_id, BY)
    go(env)
    (mail,) = mails(env)
    assert (mail.status, mail.sent_at) == (MessageStatus.SENT, NOW + timedelta(minutes=10))
    assert row_of(env, journey_id).state["step"] == "rest"


def test_mail_that_a_pause_made_late_goes_by_on_late(tmp_path: Path) -> None:
    late = SEND.model_copy(update={"late": p.Span(amount=12, unit="hours"), "on_late": "skip"})
    env = environment(tmp_path, plan_of(late.model_copy(update={"on_skip": p.Target(exit="late")})))
    journey_id = enter(env, opt_in=True).id
    settle(env, deliver=lambda *_: None)
    pause_journey(env, journey_id, BY)
    claim_and_send(env, mails(env)[0].id)
    advance(env, hours=13)
    resume_journey(env, journey_id, BY)
    go(env)
    (mail,) = mails(env)
    assert (mail.status, mail.reason, mail.sent_at) == (MessageStatus.SKIPPED, "late", None)
    assert row_of(env, journey_id).outcome == "late"


def test_who_enters_a_paused_scenario_begins_when_it_is_resumed(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(rest(days=10)))
    pause_scenario(env, "play", BY)
    go(env)
    journey_id = enter(env, opt_in=True).id
    assert row_of(env, journey_id).status == EnrolmentStatus.PAUSED
    advance(env, days=2)
    row = row_of(env, journey_id)
    assert (row.status, row.turn_no) == (EnrolmentStatus.PAUSED, 0)
    submit(env, row.lead_id)
    assert len(journeys(env)) == 1
    resume_scenario(env, "play", BY)
    go(env)
    assert row_of(env, journey_id).due_at == NOW + 12 * DAYS
    second = enter(env, opt_in=True).id
    go(env)
    assert row_of(env, second).status == EnrolmentStatus.RUNNING


def test_turn_pauses_a_journey_that_the_loop_has_not_reached(tmp_path: Path) -> None:
    """Its wait was over only after the scenario stood still: it freezes from then on, not from now."""
    env, journey_id = waiting(tmp_path)
    advance(env, days=4)
    pause_scenario(env, "play", BY, "freeze")
    env.clock.advance(days=20)  # type: ignore[attr-defined]
    settle(env, claim_and_send)
    row = row_of(env, journey_id)
    assert (row.status, row.locked_at) == (EnrolmentStatus.PAUSED, NOW + 4 * DAYS)
    resume_scenario(env, "play", BY)
    go(env)
    assert row_of(env, journey_id).due_at == NOW + 30 * DAYS


def test_journey_paused_by_itself_stays_so_when_its_scenario_is_resumed(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    pause_journey(env, journey_id, BY, "freeze")
    pause_scenario(env, "play", BY, "run")
    advance(env, days=1)
    resume_scenario(env, "play", BY)
    advance(env, days=1)
    assert row_of(env, journey_id).status == EnrolmentStatus.PAUSED
    resume_journey(env, journey_id, BY)
    go(env)
    row = row_of(env, journey_id)
    assert (row.status, row.due_at) == (EnrolmentStatus.RUNNING, NOW + 12 * DAYS)


def test_resuming_a_journey_of_a_paused_scenario_changes_nothing(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    pause_scenario(env, "play", BY)
    go(env)
    assert resume_journey(env, journey_id, BY).no_op == "scenario_paused"
    assert row_of(env, journey_id).status == EnrolmentStatus.PAUSED


@pytest.mark.parametrize(
    ("sales_clock", "pause_clock", "sales_ends_first", "ends_after"),
    [
        ("run", "run", True, 10),
        ("freeze", "run", True, 10 + 4),
        ("freeze", "run", False, 10 + 6),
        ("run", "freeze", True, 10 + 4),
        ("run", "freeze", False, 10 + 2),
        ("freeze", "freeze", True, 10 + 6),
        ("freeze", "freeze", False, 10 + 6),
        ("restart", "freeze", True, 8 + 10),
        ("restart", "freeze", False, 8 + 10),
        ("freeze", "restart", True, 8 + 10),
        ("freeze", "restart", False, 8 + 10),
    ],
)
def test_sales_lock_and_pause_overlap(
    tmp_path: Path, sales_clock: str, pause_clock: str, sales_ends_first: bool, ends_after: int
) -> None:
    """Day 2: sales begins. Day 4: the pause begins. Day 6: one ends; day 8: the other one.

    The time that both stood still counts once: with two freezes it is day 2 to day 8.
    """
    env = environment(tmp_path, plan_of(rest(days=10), pause_clock=sales_clock), TO_SALES)
    journey_id = enter(env, opt_in=True).id
    go(env)
    advance(env, days=2)
    offer = hand_over(env, row_of(env, journey_id).lead_id)
    advance(env, days=2)
    pause_journey(env, journey_id, BY, pause_clock)
    for is_sales in (sales_ends_first, not sales_ends_first):
        advance(env, days=2)
        if is_sales:
            sales.reject_offer(env, offer)
        else:
            resume_journey(env, journey_id, BY)
        go(env)
    row = row_of(env, journey_id)
    assert row.due_at == NOW + ends_after * DAYS
    assert (row.status, row.locked_at, row.stops) == (EnrolmentStatus.RUNNING, None, {})


def test_sales_ends_before_the_loop_has_reached_a_journey_of_a_paused_scenario(tmp_path: Path) -> None:
    """Sales from day 2 to 6, the pause from day 4 to 8: the two days in common count once."""
    env = environment(tmp_path, plan_of(rest(days=10), pause_clock="freeze"), TO_SALES)
    journey_id = enter(env, opt_in=True).id
    go(env)
    advance(env, days=2)
    offer = hand_over(env, row_of(env, journey_id).lead_id)
    advance(env, days=2)
    pause_scenario(env, "play", BY, "freeze")
    env.clock.advance(days=2)  # type: ignore[attr-defined]
    sales.reject_offer(env, offer)
    go(env)
    env.clock.advance(days=2)  # type: ignore[attr-defined]
    resume_scenario(env, "play", BY)
    go(env)
    assert row_of(env, journey_id).due_at == NOW + 16 * DAYS
    assert sound(env)


def test_restart_of_the_cause_that_ends_first_is_remembered(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    advance(env, days=3)
    pause_scenario(env, "play", BY, "restart")
    go(env)
    pause_journey(env, journey_id, BY, "freeze")
    advance(env, days=1)
    resume_scenario(env, "play", BY)
    advance(env, days=1)
    resume_journey(env, journey_id, BY)
    go(env)
    assert row_of(env, journey_id).due_at == NOW + 15 * DAYS


def test_offer_of_a_paused_journey_keeps_its_own_time(tmp_path: Path) -> None:
    """Only waits of time stand still; what sales has in hand runs on and is looked at after the pause."""
    env = environment(tmp_path, TO_SALES, plan_of(rest()))
    journey = enter(env)
    go(env)
    hand_over(env, journey.lead_id)
    (offered,) = journeys(env, "sales")
    pause_journey(env, offered.id, BY, "freeze")
    assert row_of(env, offered.id).locked_at is None
    assert row_of(env, offered.id).due_at == offered.due_at


def test_held_journey_is_held_again_after_a_pause(tmp_path: Path) -> None:
    unknown = p.WaitStep(id="w", wait=p.WaitSpec(until=p.Until(fact="run.entry.day")))
    env, journey_id = waiting(tmp_path, unknown)
    held = row_of(env, journey_id)
    assert held.status == EnrolmentStatus.HELD
    pause_journey(env, journey_id, BY, "freeze")
    assert row_of(env, journey_id).status == EnrolmentStatus.PAUSED
    resume_journey(env, journey_id, BY)
    go(env)
    row = row_of(env, journey_id)
    assert (row.status, row.held_reason, row.due_at) == (EnrolmentStatus.HELD, held.held_reason, None)


def test_scenario_pause_is_resumable_and_idempotent(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(rest(days=10)))
    for _ in range(5):
        enter(env, opt_in=True)
    go(env)
    assert pause_scenario(env, "play", BY).concerned == 5
    assert settle_scenarios(env, limit=2) == 2  # and the process dies here
    assert pause_scenario(env, "play", BY).no_op == "already_paused"
    while settle_scenarios(env, limit=2):
        pass
    assert {row.status for row in journeys(env)} == {EnrolmentStatus.PAUSED}
    assert run_operations(env) == 0
    resume_scenario(env, "play", BY)
    go(env)
    assert {row.status for row in journeys(env)} == {EnrolmentStatus.RUNNING}
    assert resume_scenario(env, "play", BY).no_op == "not_paused"
    assert [(one.action, one.scenario, one.by) for one in log_of(env)] == [
        ("pause", "play", "sato"),
        ("resume", "play", "sato"),
    ]


def test_cancel_ends_a_journey_once_and_skips_its_mail(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(SEND, rest(days=3)))
    journey_id = enter(env, opt_in=True).id
    settle(env, deliver=lambda *_: None)
    caller = Caller("sato", "asked by phone")
    assert cancel_journey(env, journey_id, caller).no_op is None
    assert cancel_journey(env, journey_id, caller).no_op == "already_cancelled"
    go(env)
    row = row_of(env, journey_id)
    assert (row.outcome, row.next["kind"]) == ("cancelled", "end")
    assert [(one.status, one.reason) for one in mails(env)] == [(MessageStatus.SKIPPED, "journey_ended")]
    assert [(one.action, one.enrolment_id, one.reason) for one in log_of(env)] == [
        ("cancel", journey_id, "asked by phone")
    ]


def test_unknown_journey_scenario_and_clock_are_refused(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    with pytest.raises(OperationError, match="no such journey"):
        pause_journey(env, "nobody", BY)
    with pytest.raises(OperationError, match="no scenario `none`"):
        pause_scenario(env, "none", BY)
    with pytest.raises(OperationError, match="run, freeze, restart"):
        pause_journey(env, journey_id, BY, "stop")
    with pytest.raises(OperationError, match="by has 1 to 100"):
        Caller("")


def test_erasure_empties_the_reasons_of_what_was_done_to_the_lead(tmp_path: Path) -> None:
    env, journey_id = waiting(tmp_path)
    other = enter(env, opt_in=True).id
    pause_journey(env, journey_id, Caller("sato", "山田さんから電話"))
    pause_journey(env, other, Caller("sato", "a trial"))
    erase_lead(env, row_of(env, journey_id).lead_id, "tests")
    assert [(one.action, one.enrolment_id, one.reason) for one in log_of(env)] == [
        ("pause", journey_id, ""),
        ("pause", other, "a trial"),
        ("erase", None, ""),
    ]
