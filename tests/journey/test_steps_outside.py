"""`notify` and `webhook`: what leaves the house, and what follows."""

from __future__ import annotations

from typing import Any

import pytest

from leadloop.journey import effects as fx
from leadloop.journey import state as s
from leadloop.language import plan as p
from tests.journey.player import Player, out, sent, to

MAIL = p.SendStep(
    id="mail",
    template="case",
    topic="nurture",
    on_skip=out("on"),
    on_fail=out("on"),
    next=out("on"),
    holds=True,
)
CAST = p.StreamStep(
    id="mail", stream="tips", topic="nurture", every=p.Span(amount=1, unit="weeks"), on_exhausted=out("on")
)
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


def test_webhook_without_on_fail_holds_the_journey() -> None:
    player = Player(HOOK.model_copy(update={"holds": True}))
    player.give()
    stop = player.give(s.CallFinished("failed", 404, "http_404")).stop
    assert (stop.kind, stop.reason) == ("held", "the call of `hook` to `crm` failed: http_404")


@pytest.mark.parametrize(
    "reason", ["gave_up smtp_451", "refused smtp_554 5.7.1", "render_undefined: a.ja.md:3", "bad_header"]
)
@pytest.mark.parametrize("kind", ["send", "stream"])
def test_mail_that_failed_for_a_reason_to_look_at_holds_the_journey(kind: str, reason: str) -> None:
    mail: Any = MAIL if kind == "send" else CAST
    player = Player(mail, streams={"tips": p.Stream(items=(p.StreamItem(template="case"),))})
    player.give()
    stop = player.give(s.MessageFinished("failed", reason)).stop
    assert (stop.kind, stop.reason) == ("held", f"the mail of `mail` failed: {reason}")


@pytest.mark.parametrize("reason", ["smtp_550 5.1.1", "bad_address"])
def test_mail_that_failed_because_of_its_address_goes_on(reason: str) -> None:
    player = Player(MAIL)
    player.give()
    assert player.give(s.MessageFinished("failed", reason)).stop.outcome == "on"


def test_mail_that_failed_goes_where_the_author_said() -> None:
    player = Player(MAIL.model_copy(update={"holds": False, "on_fail": out("said")}))
    player.give()
    assert player.give(s.MessageFinished("failed", "gave_up smtp_451")).stop.outcome == "said"


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
