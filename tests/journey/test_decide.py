"""`decide`, without a database: every step type and every way on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from leadloop.conditions import FactValue
from leadloop.journey import effects as fx
from leadloop.journey import state as s
from leadloop.journey.decide import MAX_STEPS, decide
from leadloop.journey.failures import HeldCode
from leadloop.journey.state import effect_key
from leadloop.journey.steps import HANDLERS
from leadloop.language import plan as p
from tests.journey.player import BIG, NOW, Player, out, sent, to

NOT_BIG = p.Expression(source="!(lead.employees >= 100)", variables={"lead.employees": "int"})
CLICK = p.EventMatch(event="email_clicked")


def days(amount: int) -> p.Span:
    return p.Span(amount=amount, unit="days")


def test_every_step_of_the_plan_has_a_handler() -> None:
    kinds = {one.model_fields["kind"].default for one in get_args(get_args(p.Step)[0])}
    assert kinds == set(HANDLERS)
    assert len(kinds) >= 12


# --- send -----------------------------------------------------------------------------------------

SEND = p.SendStep(
    id="mail", template="a", topic="nurture", next=out("went"), on_skip=out("skip"), on_fail=out("fail")
)


def test_send_asks_for_its_message_once_per_visit() -> None:
    player = Player(SEND)
    decision = player.give()
    assert decision.stop == s.Stop("send", send_key=effect_key("e1", "mail", 1))
    assert player.effects == [fx.AskMessage(effect_key("e1", "mail", 1), "mail", 1, "a", "nurture", None)]


@pytest.mark.parametrize(
    ("status", "outcome"), [("sent", "went"), ("uncertain", "went"), ("skipped", "skip"), ("failed", "fail")]
)
def test_send_goes_by_what_became_of_the_mail(status: str, outcome: str) -> None:
    player = Player(SEND)
    player.give()
    assert player.give(sent(status)).stop == s.Stop("end", outcome=outcome)


def test_send_held_waits_then_asks_for_the_same_message() -> None:
    player = Player(SEND)
    key = player.give().stop.send_key
    until = NOW + timedelta(hours=3)
    assert player.give(sent("held", hold_until=until, reason="window")).stop == s.Stop("wait", due_at=until)
    player.now = until
    assert player.give(s.TimedOut()).stop == s.Stop("send", send_key=key)
    assert player.give(sent()).stop.outcome == "went"


@pytest.mark.parametrize(("on_late", "kind"), [("skip", "end"), ("send", "wait")])
def test_send_held_too_late_goes_by_on_late(on_late: Any, kind: str) -> None:
    late = p.Span(amount=12, unit="hours")
    player = Player(SEND.model_copy(update={"late": late, "on_late": on_late}))
    key = player.give().stop.send_key
    decision = player.give(sent("held", hold_until=NOW + timedelta(hours=13), reason="caps"))
    assert decision.stop.kind == kind
    if on_late == "skip":
        assert player.effects == [fx.DropMessage(key or "", "late")]
        assert decision.stop.outcome == "skip"


def test_send_late_counts_from_the_first_asking() -> None:
    late = p.Span(amount=12, unit="hours")
    player = Player(SEND.model_copy(update={"late": late, "on_late": "skip"}))
    player.give()
    player.now = NOW + timedelta(hours=7)
    player.give(sent("held", hold_until=player.now))
    player.give(s.TimedOut())
    decision = player.give(sent("held", hold_until=NOW + timedelta(hours=13)))
    assert decision.stop.outcome == "skip"


@pytest.mark.parametrize(("on_late", "kind"), [("skip", "end"), ("send", "send")])
def test_send_that_was_held_and_nobody_sent_in_time_is_late(on_late: Any, kind: str) -> None:
    """The workers were away when the window opened: it is not sent three days later as if nothing were."""
    late = p.Span(amount=12, unit="hours")
    player = Player(SEND.model_copy(update={"late": late, "on_late": on_late}))
    player.give()
    player.give(sent("held", hold_until=NOW + timedelta(hours=7)))
    player.now = NOW + timedelta(days=3)
    assert player.give(s.TimedOut()).stop.kind == kind


def test_send_visited_again_has_another_message() -> None:
    again = p.WaitStep(id="rest", wait=p.WaitSpec(span=days(1)), next=to("mail"))
    player = Player(SEND.model_copy(update={"next": to("rest")}), again)
    first = player.give().stop.send_key
    player.give(sent())
    assert player.give(s.TimedOut()).stop.send_key not in (None, first)


# --- wait -----------------------------------------------------------------------------------------


def test_wait_days_are_calendar_days() -> None:
    player = Player(p.WaitStep(id="w", wait=p.WaitSpec(span=days(3)), next=out("on")))
    assert player.give().stop == s.Stop("wait", due_at=NOW + timedelta(days=3))
    assert player.give(s.TimedOut()).stop.outcome == "on"


@pytest.mark.parametrize(("if_past", "outcome"), [(None, "on"), (out("past"), "past")])
def test_wait_for_a_past_date_goes_by_if_past(if_past: p.Target | None, outcome: str) -> None:
    spec = p.WaitSpec(until=p.Until(fact="lead.purchase_timing"), if_past=if_past)
    step = p.WaitStep(id="w", wait=spec, next=out("on"))
    player = Player(step, values={"lead.purchase_timing": NOW - timedelta(days=1)})
    assert player.give().stop.outcome == outcome


def test_wait_for_an_unknown_date_of_the_entry_is_held_and_says_so() -> None:
    step = p.WaitStep(id="w", wait=p.WaitSpec(until=p.Until(fact="run.entry.revisit_on")))
    decision = Player(step).give()
    assert (decision.stop.kind, decision.stop.code) == ("held", HeldCode.UNKNOWN_DATE)
    assert "not known" in (decision.stop.reason or "")


def test_wait_is_not_resumed_by_an_event() -> None:
    player = Player(p.WaitStep(id="w", wait=p.WaitSpec(span=days(3))))
    player.give()
    assert player.give(s.BranchTaken(0)).stop.kind == "held"


# --- if, and what is unknown -------------------------------------------------------------------------


def choose(condition: p.Expression) -> p.IfStep:
    return p.IfStep(id="c", condition=condition, then=out("yes"), otherwise=out("no"))


@pytest.mark.parametrize(
    ("condition", "values", "outcome"),
    [
        (BIG, {"lead.employees": 100}, "yes"),
        (BIG, {"lead.employees": 99}, "no"),
        (BIG, {}, "no"),
        (NOT_BIG, {"lead.employees": 99}, "yes"),
        (NOT_BIG, {}, "no"),
    ],
)
def test_if_unknown_is_not_true_and_neither_is_its_negation(
    condition: p.Expression, values: dict[str, FactValue], outcome: str
) -> None:
    assert Player(choose(condition), values=values).give().stop.outcome == outcome


@pytest.mark.parametrize("condition", [BIG, NOT_BIG], ids=["plain", "negated"])
def test_await_when_unknown_does_not_take_the_branch(condition: p.Expression) -> None:
    branch = p.Branch(match=p.WhenMatch(when=condition), go=out("yes"))
    step = p.AwaitStep(
        id="a", branches=(branch,), timeout=p.WaitSpec(span=days(1)), on_timeout=out("timeout")
    )
    assert Player(step).give().stop.kind == "wait"


@pytest.mark.parametrize("condition", [BIG, NOT_BIG], ids=["plain", "negated"])
def test_stream_until_and_item_unknown_are_not_true(condition: p.Expression) -> None:
    items = (p.StreamItem(template="only", when=condition), p.StreamItem(template="all"))
    player = Player(stream(until=condition, go=out("until")), streams={"tips": p.Stream(items=items)})
    player.give()
    assert [effect.template for effect in player.effects if isinstance(effect, fx.AskMessage)] == ["all"]


def test_condition_that_fails_is_held_without_the_values() -> None:
    division = p.Expression(source="1 / lead.employees > 0", variables={"lead.employees": "int"})
    decision = Player(choose(division), values={"lead.employees": 0}).give()
    assert (decision.stop.kind, decision.stop.code) == ("held", HeldCode.CONDITION_FAILED)


def test_trace_shows_no_free_text_of_a_person() -> None:
    named = p.Expression(source='lead.family_name == "山田"', variables={"lead.family_name": "text"})
    decision = Player(choose(named), values={"lead.family_name": "山田"}).give()
    assert "山田" not in str(decision.trace)
    assert decision.trace[0]["values"] == {"lead.family_name": "(known)"}


# --- await ----------------------------------------------------------------------------------------


def awaiting(*branches: p.Branch, timeout: p.WaitSpec | None = None) -> p.AwaitStep:
    return p.AwaitStep(id="a", branches=branches, timeout=timeout, on_timeout=out("timeout"))


def test_await_takes_the_branch_or_the_timeout() -> None:
    step = awaiting(
        p.Branch(match=CLICK, go=out("clicked")),
        p.Branch(match=p.EventMatch(event="page_viewed"), go=out("viewed")),
        timeout=p.WaitSpec(span=days(5)),
    )
    for cause, outcome in ((s.BranchTaken(1), "viewed"), (s.TimedOut(), "timeout")):
        player = Player(step)
        assert player.give().stop.due_at == NOW + timedelta(days=5)
        assert player.give(cause).stop.outcome == outcome


def test_await_never_has_no_instant() -> None:
    assert Player(awaiting(p.Branch(match=CLICK, go=out("x")))).give().stop.due_at is None


def test_await_arms_since_its_arrival_and_with_of_since_the_send() -> None:
    of_mail = CLICK.model_copy(update={"of": ("mail",)})
    step = awaiting(p.Branch(match=of_mail, go=out("x")), p.Branch(match=CLICK, go=out("y")))
    player = Player(SEND.model_copy(update={"next": to("a")}), step)
    player.give()
    player.seq = 14
    arms = player.give(sent()).stop.arms
    assert [(arm.since_seq, arm.send_keys) for arm in arms] == [
        (10, (effect_key("e1", "mail", 1),)),
        (14, ()),
    ]


@pytest.mark.parametrize(("status", "kind"), [("skipped", "end"), ("failed", "end"), ("sent", "wait")])
def test_await_of_a_mail_nobody_got_times_out_at_once(status: str, kind: str) -> None:
    step = awaiting(p.Branch(match=CLICK.model_copy(update={"of": ("mail",)}), go=out("x")))
    mail = SEND.model_copy(update={"next": to("a"), "on_skip": to("a"), "on_fail": to("a")})
    player = Player(mail, step)
    player.give()
    assert player.give(sent(status)).stop.kind == kind


def test_await_stage_that_holds_already_is_taken() -> None:
    step = awaiting(p.Branch(match=p.StageMatch(stages=("mql",)), go=out("there")))
    assert Player(step, values={"lead.stage": "mql"}).give().stop.outcome == "there"
    assert Player(step, values={"lead.stage": "lead"}).give().stop.kind == "wait"


# --- score, stage, go, exit --------------------------------------------------------------------------


def test_score_and_stage_write_and_go_on_in_the_same_turn() -> None:
    player = Player(
        p.ScoreStep(id="p", model="engagement", points=5, reason="seminar", next=to("s")),
        p.StageStep(id="s", stage="mql", next=to("g")),
        p.GoStep(id="g", next=to("x")),
        p.ExitStep(id="x", next=out("done")),
    )
    decision = player.give()
    assert decision.stop.outcome == "done"
    assert player.effects == [fx.AddScore("p", 1, "engagement", 5, "seminar"), fx.MoveStage("s", "mql")]
    assert decision.steps_walked == 4


def test_exit_with_notice_tells_first_then_ends() -> None:
    player = Player(p.ExitStep(id="x", next=p.Target(exit="won", notify="boss@acme.example")))
    stop = player.give().stop
    assert stop.kind == "send"
    assert player.effects == [fx.TellExit(stop.send_key or "", "x", 1, "boss@acme.example", "won")]
    assert player.give(sent()).stop == s.Stop("end", outcome="won")


def test_turn_of_more_than_a_hundred_steps_is_held() -> None:
    player = Player(p.GoStep(id="a", next=to("b")), p.GoStep(id="b", next=to("a")))
    decision = player.give()
    assert (decision.stop.kind, decision.stop.code) == ("held", HeldCode.LOOP)
    assert decision.steps_walked == MAX_STEPS


def test_turn_counts_steps_over_all_its_parts() -> None:
    """A loop through `score` stops and goes on inside one turn; it must end as well."""
    player = Player(p.ScoreStep(id="a", model="m", points=1, next=to("a")))
    assert player.give().stop.kind == "held"
    assert len(player.effects) == MAX_STEPS


# --- stream ---------------------------------------------------------------------------------------


def stream(**values: Any) -> p.StreamStep:
    given: dict[str, Any] = {
        "id": "tips", "stream": "tips", "topic": "nurture", "every": p.Span(amount=2, unit="weeks"),
        "on_exhausted": out("exhausted"),
    }  # fmt: skip
    return p.StreamStep(**(given | values))


def tips(*templates: str, **values: Any) -> p.Stream:
    return p.Stream(items=tuple(p.StreamItem(template=name) for name in templates), **values)


def cast(player: Player, cause: s.Cause | None = None) -> str | None:
    """Return the template that is cast, or None where the step does something else."""
    player.give(cause)
    asked = [effect for effect in player.effects if isinstance(effect, fx.AskMessage)]
    return asked[0].template if asked else None


@pytest.mark.parametrize("status", ["sent", "skipped", "failed"])
def test_stream_casts_each_item_once_then_is_exhausted(status: str) -> None:
    player = Player(stream(), streams={"tips": tips("1", "2")})
    assert cast(player) == "1"
    first = player.state.sends["tips"]
    stop = player.give(sent(status)).stop
    assert stop == s.Stop("wait", due_at=NOW + timedelta(weeks=2))
    assert cast(player, s.TimedOut()) == "2"
    assert len(set(player.state.sends["tips"])) == 2
    assert player.state.sends["tips"][:1] == first
    player.give(sent(status))
    assert player.give(s.TimedOut()).stop.outcome == "exhausted"


def test_stream_leaves_out_what_the_lead_had_anywhere() -> None:
    player = Player(stream(), streams={"tips": tips("1", "2")}, had_templates=frozenset({"1"}))
    assert cast(player) == "2"


def test_stream_newest_first_and_only_on_its_days() -> None:
    items = (
        p.StreamItem(template="old"),
        p.StreamItem(template="past", until_day=NOW.date() - timedelta(days=1)),
        p.StreamItem(template="future", from_day=NOW.date() + timedelta(days=1)),
    )
    player = Player(stream(), streams={"tips": p.Stream(order="newest", items=items)})
    assert cast(player) == "old"


def test_stream_until_goes_to_its_target() -> None:
    player = Player(
        stream(until=BIG, go=out("grown")), streams={"tips": tips("1")}, values={"lead.employees": 100}
    )
    assert player.give().stop.outcome == "grown"


def test_stream_not_published_is_held() -> None:
    stop = Player(stream()).give().stop
    assert (stop.kind, stop.code) == ("held", HeldCode.NO_STREAM)


# --- hand_off -------------------------------------------------------------------------------------

HAND_OFF = p.HandOffStep(
    id="sales",
    queue="inside-sales",
    accept_within=p.Span(amount=4, unit="business_hours"),
    work_within=days(30),
    on_rejected=out("rejected"),
    on_expired=out("expired"),
    on_won=out("won"),
    on_lost=out("lost"),
)
OFFER = {effect_key("e1", "sales", 1): "offer-1"}


def offered(**values: Any) -> Player:
    """A hand-off whose notice was handed over."""
    player = Player(HAND_OFF.model_copy(update=values), references=OFFER)
    assert player.give().shielded
    assert player.give(sent()).stop.due_at == NOW + timedelta(hours=4)
    return player


@pytest.mark.parametrize(("branch", "outcome"), [(1, "rejected"), (3, "won"), (4, "lost")])
def test_hand_off_ends_by_what_sales_says(branch: int, outcome: str) -> None:
    decision = offered().give(s.BranchTaken(branch))
    assert decision.stop.outcome == outcome
    assert not decision.shielded


def test_hand_off_not_accepted_expires() -> None:
    player = offered()
    assert player.give(s.TimedOut()).stop.outcome == "expired"
    assert player.effects == [fx.ExpireOffer(effect_key("e1", "sales", 1))]


def test_hand_off_not_accepted_is_escalated_once_then_expires() -> None:
    player = offered(escalate_to="boss@acme.example")
    player.now = NOW + timedelta(hours=4)
    stop = player.give(s.TimedOut()).stop
    assert stop.kind == "send"
    (escalation,) = player.effects
    assert isinstance(escalation, fx.EscalateOffer)
    assert escalation.to == "boss@acme.example"
    assert escalation.notice_key == stop.send_key != effect_key("e1", "sales", 1, "notice")
    assert player.give(sent()).stop.due_at == escalation.accept_by
    assert player.give(s.TimedOut()).stop.outcome == "expired"


@pytest.mark.parametrize("branch", [0, 2], ids=["accepted", "working"])
def test_hand_off_accepted_waits_for_the_deal(branch: int) -> None:
    player = offered()
    decision = player.give(s.BranchTaken(branch, seq=12))
    assert decision.stop.due_at == NOW + timedelta(days=30)
    assert decision.shielded
    assert {arm.since_seq for arm in decision.stop.arms} == {12}
    assert player.effects == [fx.SetWorkBy(effect_key("e1", "sales", 1), NOW + timedelta(days=30))]


def test_hand_off_silent_sales_is_asked_reminded_twice_then_expired() -> None:
    player = offered()
    player.give(s.BranchTaken(0))
    keys = []
    for _ in range(3):
        stop = player.give(s.TimedOut()).stop
        assert stop.kind == "send"
        keys.append(stop.send_key)
        assert player.give(sent()).stop.due_at == datetime(2026, 11, 19, 1, 0, tzinfo=UTC)  # 3 business days
    assert len(set(keys)) == 3
    assert player.give(s.TimedOut()).stop.outcome == "expired"


def test_hand_off_still_working_begins_again_with_new_notices() -> None:
    player = offered()
    player.give(s.BranchTaken(0, seq=12))
    first = player.give(s.TimedOut()).stop.send_key
    player.give(sent())
    again = player.give(s.BranchTaken(2, seq=15)).stop
    assert again.due_at == NOW + timedelta(days=30)
    assert {arm.since_seq for arm in again.arms} == {15}
    assert player.give(s.TimedOut()).stop.send_key not in (None, first)


# --- recycle --------------------------------------------------------------------------------------

RECYCLE = p.RecycleStep(
    id="back",
    until="run.entry.revisit_on",
    cooldown={"timing": days(60), "default": days(90)},
    bypass=(p.Branch(match=p.EventMatch(event="form_submitted"), go=out("call")),),
    score={"engagement": "reset", "fit": "keep"},
    max_cycles=3,
    on_max=out("given_up"),
    next=out("rested"),
)


@pytest.mark.parametrize(
    ("values", "rest"),
    [
        ({"run.entry.reason": "timing"}, 60),
        ({"run.entry.reason": "price"}, 90),
        ({}, 90),
        ({"run.entry.reason": "timing", "run.entry.revisit_on": NOW + timedelta(days=7)}, 7),
        ({"run.entry.reason": "timing", "run.entry.revisit_on": NOW - timedelta(days=7)}, 60),
    ],
)
def test_recycle_rests_until_the_date_or_by_reason(values: dict[str, FactValue], rest: int) -> None:
    player = Player(RECYCLE, values=values)
    until = NOW + timedelta(days=rest)
    assert player.give().stop.due_at == until
    assert player.effects == [fx.BeginCycle("back", until, ("engagement",))]
    assert player.give(s.TimedOut()).stop.outcome == "rested"
    assert player.effects == [fx.EndCooldown("back")]


def test_recycle_bypass_cuts_the_rest_short() -> None:
    player = Player(RECYCLE)
    player.give()
    assert player.give(s.BranchTaken(0, event_type="form_submitted")).stop.outcome == "call"
    assert player.effects == [fx.EndCooldown("back")]


@pytest.mark.parametrize(("cycle", "kind"), [(2, "wait"), (3, "end"), (4, "end")])
def test_recycle_stops_after_its_cycles(cycle: int, kind: str) -> None:
    player = Player(RECYCLE, values={"lead.cycle": cycle})
    decision = player.give()
    assert decision.stop.kind == kind
    if kind == "end":
        assert decision.stop.outcome == "given_up"
        assert player.effects == []


# --- task -----------------------------------------------------------------------------------------

TASK = p.TaskStep(
    id="call",
    type="call",
    to="inside-sales",
    due=p.Span(amount=15, unit="business_minutes"),
    outcomes=("connected", "absent"),
    on={"connected": out("talked"), "absent": to("call")},
)
TASKS = {effect_key("e1", "call", visit): f"task-{visit}" for visit in (1, 2)}


def test_task_tells_waits_and_goes_by_its_outcome() -> None:
    player = Player(TASK, references=TASKS)
    assert player.give().stop.kind == "send"
    stop = player.give(sent()).stop
    assert stop.due_at == NOW + timedelta(minutes=15)
    assert stop.arms[0].match == p.EventMatch(
        event="task_done", properties=(p.PropertyMatch(name="task", values=("task-1",)),)
    )
    done = s.BranchTaken(0, properties={"outcome": "connected"})
    assert player.give(done).stop.outcome == "talked"


def test_task_overdue_stays_open() -> None:
    player = Player(TASK, references=TASKS)
    player.give()
    player.give(sent())
    stop = player.give(s.TimedOut()).stop
    assert (stop.kind, stop.due_at) == ("wait", None)
    assert player.effects == [fx.MarkOverdue(effect_key("e1", "call", 1))]


def test_task_done_again_is_another_task() -> None:
    player = Player(TASK, references=TASKS)
    first = player.give().stop.send_key
    player.give(sent())
    again = player.give(s.BranchTaken(0, properties={"outcome": "absent"})).stop
    assert again.send_key not in (None, first)
    (task,) = player.effects
    assert isinstance(task, fx.MakeTask)
    assert task.visit == 2


# --- purity ---------------------------------------------------------------------------------------


def test_decide_gives_the_same_twice_and_changes_nothing() -> None:
    player = Player(SEND)
    before = player.state.model_dump_json()
    first, second = (decide(player.plan, player.state, player.facts(), s.Started(), NOW) for _ in range(2))
    assert first == second
    assert player.state.model_dump_json() == before
    assert type(first.state).model_validate_json(first.state.model_dump_json()) == first.state
