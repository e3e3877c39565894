"""Steps that are over as soon as they begin: what they ask for, and where they go."""

from __future__ import annotations

from typing import Any

import pytest

from leadloop.journey import effects as fx
from leadloop.journey.state import CallFinished, TimedOut
from leadloop.language import plan as p
from tests.journey.player import BIG, Player, out, sent, to

IT = p.Expression(source='lead.industry == "it"', variables={"lead.industry": "text"})
LIFT = p.EventMatch(event="form_submitted")


@pytest.mark.parametrize(
    ("step", "effect"),
    [
        (p.SetStep(id="x", fields={"industry": "it"}), fx.SetFields("x", {"industry": "it"})),
        (p.TagStep(id="x", tags=("vip", "reactivated")), fx.ChangeTags("x", add=("vip", "reactivated"))),
        (p.UntagStep(id="x", tags=("vip",)), fx.ChangeTags("x", remove=("vip",))),
        (p.SubscribeStep(id="x", topic="nurture", basis="card"), fx.Subscribe("x", 1, "nurture", "card")),
        (p.UnsubscribeStep(id="x", topic="nurture"), fx.Unsubscribe("x", 1, "nurture")),
        (
            p.SuppressStep(id="x", topics=("nurture",), reason="sunset", lift_on=(LIFT,)),
            fx.SuppressTopics("x", 1, ("nurture",), "sunset", (LIFT,)),
        ),
        (
            p.RecordStep(id="x", event="page_viewed", properties={"seconds": 5}),
            fx.RecordFact("x", "page_viewed", {"seconds": 5}),
        ),
        (p.EnrolStep(id="x", scenario="sales-handoff"), fx.EnrolIn("x", 1, "sales-handoff")),
    ],
)
def test_step_asks_for_its_effect_and_goes_on(step: Any, effect: fx.Effect) -> None:
    player = Player(step.model_copy(update={"next": out("after")}))
    assert player.give().stop.outcome == "after"
    assert player.effects == [effect]


def test_set_says_which_fields_but_not_their_values() -> None:
    player = Player(p.SetStep(id="x", fields={"job_title": "部長", "industry": "it"}))
    player.give()
    assert {"step": "x", "did": "set", "fields": ["industry", "job_title"]} in player.trace
    assert "部長" not in str(player.trace)


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"lead.employees": 100, "lead.industry": "it"}, "big"),
        ({"lead.employees": 5, "lead.industry": "it"}, "it"),
        ({"lead.industry": "it"}, "it"),
        ({"lead.employees": 5}, "other"),
        ({}, "other"),
    ],
)
def test_switch_takes_the_first_case_that_is_true(values: dict[str, Any], outcome: str) -> None:
    step = p.SwitchStep(
        id="x",
        cases=(p.Case(when=BIG, go=out("big")), p.Case(when=IT, go=out("it"))),
        otherwise=out("other"),
    )
    assert Player(step, values=values).give().stop.outcome == outcome


def _loop(most: int, condition: p.Expression | None = None) -> tuple[Any, ...]:
    return (
        p.RepeatStep(id="loop", most=most, condition=condition, first=to("body"), next=out("after")),
        p.TagStep(id="body", tags=("vip",), next=to("rest")),
        p.WaitStep(id="rest", wait=p.WaitSpec(span=p.Span(amount=1, unit="days")), next=to("again")),
        p.AgainStep(id="again", repeat="loop", first=to("body"), next=out("after")),
    )


def _played(player: Player) -> tuple[str | None, int]:
    """Let time pass until the journey ends; return its outcome and how many effects there were."""
    decision, effects = player.give(), 0
    while decision.stop.kind == "wait":
        effects += len(player.effects)
        decision = player.give(TimedOut())
    return decision.stop.outcome, effects + len(player.effects)


def test_repeat_goes_round_as_often_as_it_may() -> None:
    player = Player(*_loop(4))
    assert _played(player) == ("after", 4)
    assert player.state.results["loop"] == {"round": 4}


def test_repeat_ends_when_its_condition_is_not_true() -> None:
    player = Player(*_loop(4, BIG), values={"lead.employees": 5})
    assert player.give().stop.outcome == "after"
    assert player.effects == []
    assert "loop" not in player.state.results


def test_repeat_looks_at_its_condition_before_every_round() -> None:
    calm = p.Expression(source="run.loop.round < 2", variables={"run.loop.round": "int"})
    always = p.Expression(source="!known(run.loop.round) || run.loop.round < 2", variables=calm.variables)
    player = Player(*_loop(9, always))
    assert _played(player) == ("after", 2)


def test_repeat_entered_again_begins_with_round_one() -> None:
    steps = _loop(2)
    outer = (
        p.RepeatStep(id="outer", most=3, first=to("loop"), next=out("end")),
        steps[0].model_copy(update={"next": to("outer-again")}),
        *steps[1:],
        p.AgainStep(id="outer-again", repeat="outer", first=to("loop")),
    )
    player = Player(*outer)
    assert _played(player) == ("end", 6)


def _exhausted(most: int) -> tuple[Any, ...]:
    """A loop that sends from a stream and waits for what the lead does with the mail."""
    opened = p.Branch(match=p.EventMatch(event="email_opened", of=("mail",)), go=to("again"))
    return (
        p.RepeatStep(id="loop", most=most, first=to("mail"), next=out("after")),
        p.SendStep(
            id="mail",
            stream="tips",
            topic="nurture",
            next=to("look"),
            on_skip=to("look"),
            on_fail=out("fail"),
        ),
        p.AwaitStep(
            id="look",
            branches=(opened,),
            timeout=p.WaitSpec(span=p.Span(amount=3, unit="days")),
            on_timeout=to("again"),
        ),
        p.AgainStep(id="again", repeat="loop", first=to("mail"), next=out("after")),
    )


def test_repeat_ends_with_a_round_in_which_nothing_waited() -> None:
    tips = p.Stream(items=(p.StreamItem(template="tip-1"),))
    player = Player(*_exhausted(100), streams={"tips": tips})
    assert player.give().stop.kind == "send"
    assert player.give(sent()).stop.kind == "wait"
    player.more["had_templates"] = frozenset({"tip-1"})
    ended = player.give(TimedOut())
    assert (ended.stop.kind, ended.stop.outcome) == ("end", "after")
    assert player.state.results["loop"] == {"round": 2}
    assert [line["over"] for line in player.trace if "over" in line] == ["idle"]


def test_repeat_takes_a_mail_for_something_that_waited() -> None:
    steps = _loop(3)
    mail = p.SendStep(
        id="body", template="tip", topic="nurture", next=to("again"), on_skip=to("again"), on_fail=out("fail")
    )
    player = Player(steps[0], mail, steps[3])
    player.give()
    for _ in range(2):
        assert player.give(sent("skipped")).stop.kind == "send"
    assert player.give(sent("skipped")).stop.outcome == "after"
    assert [line["over"] for line in player.trace if "over" in line] == ["max"]


def test_a_new_visit_forgets_the_result_of_the_last_one() -> None:
    hook = p.WebhookStep(id="hook", to="crm", on_fail=out("fail"), next=to("loop"))
    player = Player(
        p.RepeatStep(id="loop", most=2, first=to("hook"), next=out("end")),
        hook.model_copy(update={"next": to("again")}),
        p.AgainStep(id="again", repeat="loop", first=to("hook")),
    )
    player.give()
    player.give(CallFinished("done", 200))
    assert "hook" not in player.state.results
