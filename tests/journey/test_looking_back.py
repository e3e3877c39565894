"""`of` looks back to the last visit of a send: an answer to an earlier round counts in that round only."""

from __future__ import annotations

from leadloop.journey import state as s
from leadloop.language import plan as p
from tests.journey.player import Player, out, sent, to

END = out("unsent")


def test_await_in_a_loop_looks_back_to_the_send_of_its_round() -> None:
    clicked = p.Branch(match=p.EventMatch(event="email_clicked", of=("mail",)), go=to("loop/again"))
    player = Player(
        p.RepeatStep(id="loop", most=3, first=to("mail"), next=out("over")),
        p.SendStep(id="mail", template="tips/1", topic="nurture", next=to("read"), on_skip=END, on_fail=END),
        p.AwaitStep(id="read", branches=(clicked,), timeout=None, on_timeout=out("late")),
        p.AgainStep(id="loop/again", repeat="loop", first=to("mail"), next=out("over")),
    )  # fmt: skip
    player.give()
    (first,) = player.give(sent()).stop.arms
    assert (first.since_seq, len(first.send_keys)) == (10, 1)
    player.seq = 15  # the click of the first round is among these events
    player.give(s.BranchTaken(0))
    player.seq = 16
    (second,) = player.give(sent()).stop.arms
    assert second.since_seq == 15
    assert len(second.send_keys) == 2  # a late click on the first mail still counts, once
