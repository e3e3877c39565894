"""`send`, `task` and `hand_off`: their newer settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from leadloop.journey import effects as fx
from leadloop.journey import state as s
from leadloop.language import plan as p
from tests.journey.player import BIG, NOW, Player, out, sent, to

# --- send: {stream}, recheck ------------------------------------------------------------------------

NEWS = {
    "news": p.Stream(
        order="newest",
        items=(
            p.StreamItem(template="news/old"),
            p.StreamItem(template="news/big", when=BIG),
            p.StreamItem(template="news/2026-11"),
        ),
    )
}
CAST = p.SendStep(
    id="mail", stream="news", topic="nurture", subject="今月の事例", next=out("went"),
    on_skip=out("skip"), on_fail=out("fail"),
)  # fmt: skip


def test_send_of_a_stream_takes_the_next_unseen_item() -> None:
    player = Player(CAST, streams=NEWS, had_templates=frozenset({"news/2026-11"}))
    player.give()
    key = player.key("mail")
    assert player.effects == [fx.AskMessage(key, "mail", 1, "news/old", "nurture", "今月の事例")]
    assert player.give(sent()).stop.outcome == "went"
    assert player.state.results["mail"] == {"status": "sent"}


def test_send_of_a_stream_without_new_content_is_skipped() -> None:
    had = frozenset({"news/old", "news/2026-11"})
    player = Player(CAST, streams=NEWS, had_templates=had, values={"lead.employees": 5})
    assert player.give().stop.outcome == "skip"
    assert player.effects == []
    assert player.state.send_status["mail"] == "skipped"
    assert any(line.get("reason") == "no_content" for line in player.trace)


MAIL = p.SendStep(
    id="mail", template="a", topic="nurture", next=out("went"), on_skip=out("skip"), on_fail=out("fail")
)
RECHECK = {"audience": BIG, "recheck": True}


def test_recheck_skips_a_mail_to_who_left_the_audience() -> None:
    player = Player(MAIL, plan=RECHECK, values={"lead.employees": 5})
    assert player.give().stop.outcome == "skip"
    assert player.effects == []
    assert player.state.results["mail"] == {"status": "skipped"}


def test_recheck_asks_again_before_a_held_mail() -> None:
    player = Player(MAIL, plan=RECHECK, values={"lead.employees": 100})
    key = player.give().stop.send_key or ""
    player.give(sent("held", hold_until=NOW + timedelta(hours=3), reason="window"))
    player.values["lead.employees"] = 5
    assert player.give(s.TimedOut()).stop.outcome == "skip"
    assert player.effects == [fx.DropMessage(key, "not_in_audience")]


def test_without_recheck_the_audience_is_asked_at_entry_only() -> None:
    player = Player(MAIL, plan={"audience": BIG}, values={"lead.employees": 5})
    assert player.give().stop.kind == "send"


def test_recheck_lets_a_stream_rest_instead_of_casting() -> None:
    stream = p.StreamStep(
        id="tips", stream="news", topic="nurture", every=p.Span(amount=14, unit="days"),
        on_exhausted=out("exhausted"),
    )  # fmt: skip
    player = Player(stream, plan=RECHECK, values={"lead.employees": 5}, streams=NEWS)
    assert player.give().stop == s.Stop("wait", due_at=NOW + timedelta(days=14))
    assert player.effects == []


# --- task -------------------------------------------------------------------------------------------

TASK = p.TaskStep(
    id="call", type="call", to="inside-sales", due=p.Span(amount=15, unit="business_minutes"),
    outcomes=("connected", "absent"), on={"connected": out("in_sales"), "absent": out("absent")},
    retry=p.Retry(on=("absent",), max=3, every=p.Span(amount=3, unit="business_hours")), next=out("end"),
)  # fmt: skip


def done(outcome: str, **properties: Any) -> s.BranchTaken:
    return s.BranchTaken(0, 11, "task_done", "ev", {"outcome": outcome, **properties})


def given(player: Player) -> fx.MakeTask:
    return next(effect for effect in player.effects if isinstance(effect, fx.MakeTask))


def play(step: p.TaskStep) -> Player:
    """Return a player whose task is told and open."""
    player = Player(step)
    player.give()
    player.more["references"] = {given(player).task_key: "t1"}
    assert player.give(sent()).stop.kind == "wait"
    return player


def test_task_asks_for_fields_and_a_date() -> None:
    player = Player(TASK.model_copy(update={"asks": ("budget_confirmed",), "asks_date": True}))
    player.give()
    task = given(player)
    assert (task.asks, task.asks_date) == (("budget_confirmed",), True)


def test_task_keeps_outcome_and_date_as_its_result() -> None:
    player = play(TASK.model_copy(update={"asks_date": True}))
    assert player.give(done("connected", date="2027-04")).stop.outcome == "in_sales"
    assert player.state.results["call"] == {"outcome": "connected", "date": "2027-04"}


def test_task_is_given_again_after_an_outcome_of_retry() -> None:
    player = play(TASK)
    first = player.key("call")
    pause = player.give(done("absent")).stop
    assert pause == s.Stop("wait", due_at=NOW + timedelta(hours=3))
    player.now = NOW + timedelta(hours=3)
    second = player.give(s.TimedOut())
    task = given(player)
    assert second.stop.kind == "send"
    assert task.task_key != first
    assert task.due_at == player.now + timedelta(minutes=15)
    player.more["references"] = {task.task_key: "t2"}
    wait = player.give(sent()).stop
    (arm,) = wait.arms
    assert isinstance(arm.match, p.EventMatch)
    assert arm.match.properties[0].values == ("t2",)


def test_task_is_given_at_most_so_often() -> None:
    player = play(TASK)
    for number in (2, 3):
        player.give(done("absent"))
        player.give(s.TimedOut())
        player.more["references"] = {given(player).task_key: f"t{number}"}
        player.give(sent())
    assert player.give(done("absent")).stop.outcome == "absent"
    assert player.state.results["call"] == {"outcome": "absent"}


def test_task_connected_at_the_second_try_goes_on() -> None:
    player = play(TASK)
    player.give(done("absent"))
    player.give(s.TimedOut())
    player.more["references"] = {given(player).task_key: "t2"}
    player.give(sent())
    assert player.give(done("connected")).stop.outcome == "in_sales"


def test_task_overdue_without_more_stays_open() -> None:
    player = play(TASK)
    assert player.give(s.TimedOut()).stop.kind == "wait"
    assert player.effects == [fx.MarkOverdue(player.key("call"))]


def test_task_overdue_goes_on_without_it() -> None:
    player = play(TASK.model_copy(update={"on_overdue": out("overdue")}))
    assert player.give(s.TimedOut()).stop.outcome == "overdue"
    assert player.effects == [fx.WithdrawTask(player.key("call"))]


def test_task_overdue_tells_somebody_once_and_stays_open() -> None:
    player = play(TASK.model_copy(update={"notify_overdue": "manager@acme.example"}))
    key = player.key("call", "overdue")
    assert player.give(s.TimedOut()).stop == s.Stop("send", send_key=key)
    assert fx.TellOverdue(key, player.key("call"), "manager@acme.example") in player.effects
    after = player.give(sent()).stop
    assert (after.kind, after.due_at) == ("wait", None)
    assert player.give(done("connected")).stop.outcome == "in_sales"


def test_task_overdue_tells_somebody_then_goes_on_without_it() -> None:
    both = {"notify_overdue": "manager@acme.example", "on_overdue": out("overdue")}
    player = play(TASK.model_copy(update=both))
    player.give(s.TimedOut())
    assert fx.WithdrawTask(player.key("call")) in player.effects
    assert player.give(sent()).stop.outcome == "overdue"


# --- hand_off ---------------------------------------------------------------------------------------

HAND_OFF = p.HandOffStep(
    id="sales", what="company", queue="company_owner", otherwise="inside-sales",
    accept_within=p.Span(amount=4, unit="business_hours"), on_rejected=out("rejected"),
    on_expired=out("expired"), on_won=out("won"), on_lost=out("lost"),
)  # fmt: skip


def test_hand_off_of_a_company_to_its_owner_counts_by_the_other_queue() -> None:
    player = Player(HAND_OFF)
    player.give()
    (offer,) = player.effects
    assert isinstance(offer, fx.MakeOffer)
    assert (offer.what, offer.queue, offer.otherwise) == ("company", "company_owner", "inside-sales")
    assert offer.accept_by == NOW + timedelta(hours=4)


@pytest.mark.parametrize(("branch", "outcome"), [(1, "rejected"), (3, "won"), (4, "lost")])
def test_hand_off_keeps_how_it_ended(branch: int, outcome: str) -> None:
    player = Player(HAND_OFF, references={s.effect_key("e1", "sales", 1): "o1"})
    player.give()
    player.give(sent())
    assert player.give(s.BranchTaken(branch, 11, "x")).stop.outcome == outcome
    assert player.state.results["sales"] == {"outcome": outcome}


def test_hand_off_that_nobody_accepts_is_expired() -> None:
    player = Player(HAND_OFF, references={s.effect_key("e1", "sales", 1): "o1"})
    player.give()
    player.give(sent())
    assert player.give(s.TimedOut()).stop.outcome == "expired"
    assert player.state.results["sales"] == {"outcome": "expired"}


def test_hand_off_that_nobody_accepted_keeps_its_time_when_one_of_several_deals_is_lost() -> None:
    player = Player(HAND_OFF, references={s.effect_key("e1", "sales", 1): "o1"}, open_deals=1)
    player.give()
    player.give(sent())
    player.now = NOW + timedelta(hours=1)
    assert player.give(s.BranchTaken(4, 11, "deal_lost")).stop.due_at == NOW + timedelta(hours=4)
    player.now = NOW + timedelta(hours=4)
    assert player.give(s.TimedOut()).stop.outcome == "expired"


# --- a new version ------------------------------------------------------------------------------------


def test_last_step_ends_the_journey_where_it_would_go_on() -> None:
    player = Player(MAIL.model_copy(update={"next": to("more")}), MAIL.model_copy(update={"id": "more"}))
    player.give()
    assert player.give(sent(), last_step=True).stop.outcome == "edited"


def test_last_step_lets_an_exit_be_what_it_is() -> None:
    player = Player(MAIL)
    player.give()
    assert player.give(sent(), last_step=True).stop.outcome == "went"


def test_moved_wait_counts_from_its_arrival() -> None:
    player = Player(p.WaitStep(id="rest", wait=p.WaitSpec(span=p.Span(amount=3, unit="days"))))
    player.give()
    longer = p.WaitStep(id="rest", wait=p.WaitSpec(span=p.Span(amount=5, unit="days")))
    player.plan = player.plan.model_copy(update={"steps": {"rest": longer}})
    player.now = NOW + timedelta(days=2)
    assert player.give(s.Moved()).stop.due_at == NOW + timedelta(days=5)


def test_renamed_step_keeps_its_keys() -> None:
    player = Player(MAIL)
    key = player.give().stop.send_key
    player.state = s.renamed(player.state, {"mail": "letter"})
    letter = MAIL.model_copy(update={"id": "letter"})
    player.plan = player.plan.model_copy(update={"steps": {"letter": letter}})
    player.give(sent("held", hold_until=NOW + timedelta(hours=1), reason="window"))
    assert player.give(s.TimedOut()).stop.send_key == key
    assert player.state.sends["letter"] == player.state.sends["mail"]


def test_renamed_step_makes_no_key_that_an_earlier_step_of_its_name_has_made() -> None:
    """Mail `old` was sent three times, then `mail` once; `mail` is called `old` from now on."""
    mail, old = MAIL.model_copy(update={"next": to("mail")}), MAIL.model_copy(update={"id": "old"})
    player = Player(old.model_copy(update={"next": to("mail")}), mail)
    player.state = player.state.model_copy(update={"visits": {"old": 3}})
    used = {s.effect_key("e1", "old", visit) for visit in (1, 2, 3, 4)}
    player.give()
    player.give(sent())
    player.state = s.renamed(player.state, {"mail": "old"})
    player.plan = player.plan.model_copy(
        update={"steps": {"old": old.model_copy(update={"next": to("old")})}}
    )
    again = [player.give(sent()).stop.send_key for _ in range(3)]
    assert len(set(again)) == 3
    assert not set(again) & used
