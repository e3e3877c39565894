"""`notify` and `webhook`: what leaves the house, and what follows."""

from __future__ import annotations

import pytest

from leadloop.journey import effects as fx
from leadloop.journey import state as s
from leadloop.language import plan as p
from tests.journey.player import Player, out, sent, to

HOOK = p.WebhookStep(id="hook", to="crm", on_fail=out("failed"), next=out("done"))


def test_webhook_stops_for_its_call() -> None:
    player = Player(HOOK)
    key = player.key("hook", "call")
    assert player.give().stop == s.Stop("call", call_key=key)
    assert player.effects == [fx.AskCall(key, "hook", 1, "webhook", "crm")]


@pytest.mark.parametrize(
    ("status", "code", "outcome", "result"),
    [
        ("done", 204, "done", {"status": "done", "code": 204}),
        ("done", None, "done", {"status": "done"}),
        ("failed", 404, "failed", {"status": "failed", "code": 404}),
        ("skipped", None, "failed", {"status": "failed"}),
    ],
)
def test_webhook_goes_by_what_became_of_the_call(
    status: str, code: int | None, outcome: str, result: dict[str, object]
) -> None:
    player = Player(HOOK)
    player.give()
    assert player.give(s.CallFinished(status, code)).stop.outcome == outcome
    assert player.state.results["hook"] == result


def test_webhook_visited_again_is_another_call() -> None:
    player = Player(HOOK.model_copy(update={"next": to("hook")}))
    first = player.give().stop.call_key
    assert player.give(s.CallFinished("done", 200)).stop.call_key not in (None, first)


@pytest.mark.parametrize("status", ["sent", "skipped", "failed", "uncertain"])
def test_notify_by_mail_goes_on_whatever_comes_of_it(status: str) -> None:
    player = Player(p.NotifyStep(id="tell", to="owner", template="notify/churn", next=out("on")))
    key = player.key("tell", "notify")
    assert player.give().stop == s.Stop("send", send_key=key)
    assert player.effects == [fx.Notify(key, "tell", 1, "owner", "notify/churn")]
    assert player.give(sent(status)).stop.outcome == "on"


def test_notify_in_the_chat_is_a_call() -> None:
    player = Player(p.NotifyStep(id="tell", to="slack", template="notify/churn", next=out("on")))
    key = player.key("tell", "notify")
    assert player.give().stop == s.Stop("call", call_key=key)
    assert player.effects == [fx.AskCall(key, "tell", 1, "chat", "slack", "notify/churn")]
    assert player.give(s.CallFinished("failed", 500)).stop.outcome == "on"


def test_notify_says_no_address() -> None:
    player = Player(p.NotifyStep(id="tell", to="manager@acme.example", template="notify/churn"))
    player.give()
    assert "manager" not in str(player.trace)
