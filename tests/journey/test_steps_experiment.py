"""`experiment`: the draw is even, the same for the same person, and the rest takes the winner."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from leadloop.journey import effects as fx
from leadloop.journey import state as s
from leadloop.journey.steps.experiment import PARTS, arm_of, draw_number
from leadloop.language import plan as p
from leadloop.storage.columns import new_id
from tests.journey.player import NOW, Player, out

METRIC = p.Did(match=p.EventMatch(event="email_clicked"), within=p.Span(amount=4, unit="hours"))
STEP = p.ExperimentStep(
    id="issue",
    metric=METRIC,
    control=500,
    variants=(p.Variant(name="a", share=1000, go=out("a")), p.Variant(name="b", share=2000, go=out("b"))),
    rest=p.Rest(after=p.Span(amount=4, unit="hours"), min_sends=200, tie="a"),
    next=out("next"),
)


def drawn(arm: str, **changes: object) -> Player:
    """Return a player whose run is drawn for an arm."""
    step = STEP.model_copy(update=changes)
    for number in range(10_000):
        if arm_of(step, draw_number("x", "issue", f"e{number}")) == arm:
            return Player(step, enrolment_id=f"e{number}")
    raise AssertionError("nobody is drawn for it")


def test_draw_is_even_over_ten_thousand_runs() -> None:
    arms = Counter(arm_of(STEP, draw_number("newsletter", "issue", new_id())) for _ in range(10_000))
    for arm, share in (("control", 0.05), ("a", 0.10), ("b", 0.20), ("rest", 0.65)):
        spread = 5 * (10_000 * share * (1 - share)) ** 0.5  # five standard deviations
        assert abs(arms[arm] - 10_000 * share) < spread


def test_draws_of_two_steps_and_two_scenarios_have_nothing_to_do_with_each_other() -> None:
    people = [f"l{number}" for number in range(2_000)]
    low = [one for one in people if draw_number("x", "issue", one) < PARTS // 2]
    for scenario, step in (("x", "other"), ("y", "issue")):
        again = sum(draw_number(scenario, step, one) < PARTS // 2 for one in low)
        assert 0.4 < again / len(low) < 0.6


@pytest.mark.parametrize(
    ("number", "arm"),
    [(0, "control"), (499, "control"), (500, "a"), (1499, "a"), (1500, "b"), (3499, "b"), (3500, "rest")],
)
def test_arms_come_in_order_control_first(number: int, arm: str) -> None:
    assert arm_of(STEP, number) == arm


def test_thirds_leave_nobody_over() -> None:
    thirds = tuple(p.Variant(name=name, share=3333, go=out(name)) for name in "abc")
    assert arm_of(STEP.model_copy(update={"control": 0, "variants": thirds, "rest": None}), 9_999) == "c"


def test_same_person_gets_the_same_arm_in_every_run() -> None:
    step = STEP.model_copy(update={"draw": "lead"})
    arms = set()
    for number in range(50):
        player = Player(step, enrolment_id=f"e{number}", subject_key="l7")
        player.give()
        arms |= {effect.variant for effect in player.effects if isinstance(effect, fx.NoteDraw)}
    assert len(arms) == 1


def test_runs_of_one_person_are_drawn_anew() -> None:
    arms = set()
    for number in range(50):
        player = Player(STEP, enrolment_id=f"e{number}", subject_key="l7")
        player.give()
        arms |= {effect.variant for effect in player.effects if isinstance(effect, fx.NoteDraw)}
    assert len(arms) > 1


@pytest.mark.parametrize(("arm", "outcome"), [("a", "a"), ("b", "b"), ("control", "next")])
def test_who_is_drawn_goes_on_at_once(arm: str, outcome: str) -> None:
    player = drawn(arm)
    assert player.give().stop.outcome == outcome
    key = s.effect_key(player.facts().enrolment_id, "issue", 1, "draw")
    assert player.effects == [fx.NoteDraw("issue", 1, key, arm)]
    assert player.state.results["issue"] == {"variant": arm}


def test_the_rest_waits_then_takes_the_winner() -> None:
    player = drawn("rest")
    assert player.give().stop == s.Stop("wait", due_at=NOW + timedelta(hours=4))
    assert "issue" not in player.state.results
    player.more["winners"] = {"issue": "b"}
    assert player.give(s.TimedOut()).stop.outcome == "b"
    assert player.state.results["issue"] == {"variant": "b"}


def test_the_rest_takes_the_tie_while_nothing_is_decided() -> None:
    player = drawn("rest")
    player.give()
    assert player.give(s.TimedOut()).stop.outcome == "a"
