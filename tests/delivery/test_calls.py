"""Outside calls over real HTTP: what is sent, when it is tried again, when it has failed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from leadloop.delivery.calls import CallOutbox
from leadloop.delivery.http import HttpClient
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import RetryLaterError
from leadloop.inbox.doctor import examine
from leadloop.inbox.operations.commands import retry_journey
from leadloop.inbox.operations.log import Caller
from leadloop.language import plan as p
from leadloop.settings import Endpoint
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Call, CallStatus, Enrolment, EnrolmentStatus
from tests.delivery.receiver import Receiver, receiving
from tests.factories import make_workspace
from tests.inbox.driver import calls, report, settle
from tests.inbox.played import enter, environment, plan_of, row_of

SECRET = "whsec_" + base64.b64encode(b"a secret that is shared").decode()
HOOK = p.WebhookStep(id="hook", to="crm", on_fail=p.Target(exit="failed"), next=p.Target(exit="done"))
REAL_SECONDS = 1_763_254_800.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    workspace = make_workspace(webhooks={"crm": p.Webhook(title="顧客管理")})
    return environment(tmp_path, plan_of(HOOK), workspace=workspace)


def outbox(env: Environment, receiver: Receiver, secret: str | None = SECRET) -> CallOutbox:
    endpoint = Endpoint(url=f"{receiver.url}/hooks", secret=secret)
    return CallOutbox(env, webhooks={"crm": endpoint}, real_seconds=lambda: REAL_SECONDS)


def asked(env: Environment) -> tuple[Enrolment, str]:
    """Return a journey that makes a call, and the call's id."""
    journey = enter(env, company="株式会社東都商事", fields={"employees": 300})
    settle(env, call=lambda *_: None)
    return row_of(env, journey.id), calls(env)[0].id


def call_of(env: Environment, call_id: str) -> Call:
    with env.database.read() as session:
        return session.get_one(Call, call_id)


def test_call_posts_the_lead_and_the_run(env: Environment, receiver: Receiver) -> None:
    journey, call_id = asked(env)
    assert outbox(env, receiver).make(call_id, 1) == "done"
    (one,) = receiver.received
    body = json.loads(one.body)
    row = call_of(env, call_id)
    assert one.path == "/hooks"
    assert body["id"] == row.call_key == one.headers["webhook-id"]
    assert (body["type"], body["scenario"], body["step"]) == ("journey.webhook", "play", "hook")
    assert body["lead"]["id"] == journey.lead_id
    assert (body["lead"]["family_name"], body["lead"]["employees"]) == ("山田", 300)
    assert body["lead"]["company"]["name"] == "株式会社東都商事"
    assert body["run"]["entry"]["form"] == "whitepaper"
    assert (row.status, row.code, row.sink, row.attempts) == (CallStatus.DONE, 200, False, 1)
    assert row.body is None
    settle(env)
    assert row_of(env, journey.id).outcome == "done"


def test_call_is_signed_as_standard_webhooks_says(env: Environment, receiver: Receiver) -> None:
    _, call_id = asked(env)
    outbox(env, receiver).make(call_id, 1)
    (one,) = receiver.received
    assert one.headers["webhook-timestamp"] == "1763254800"
    signed = f"{one.headers['webhook-id']}.1763254800.".encode() + one.body
    digest = hmac.new(b"a secret that is shared", signed, hashlib.sha256).digest()
    assert one.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


def test_call_without_a_secret_is_not_signed(env: Environment, receiver: Receiver) -> None:
    _, call_id = asked(env)
    outbox(env, receiver, secret=None).make(call_id, 1)
    assert "webhook-signature" not in receiver.received[0].headers


@pytest.mark.parametrize("code", [408, 429, 500, 503])
def test_call_is_tried_again_with_the_same_id_and_body(
    env: Environment, receiver: Receiver, code: int
) -> None:
    _, call_id = asked(env)
    receiver.codes = [code, 204]
    with pytest.raises(RetryLaterError):
        outbox(env, receiver).make(call_id, 1)
    row = call_of(env, call_id)
    assert (row.status, row.code, row.reason) == (CallStatus.CALLING, code, f"http_{code}")
    report(env, "form_submitted", lead_id=row.lead_id, properties={"form": "contact"},
           identity={"family_name": "鈴木"}, source="form")  # fmt: skip
    assert outbox(env, receiver).make(call_id, 1) == "done"
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert call_of(env, call_id).attempts == 2


@pytest.mark.parametrize("code", [301, 302, 400, 401, 404, 410])
def test_call_that_is_refused_has_failed_at_once(env: Environment, receiver: Receiver, code: int) -> None:
    journey, call_id = asked(env)
    receiver.codes = [code]
    assert outbox(env, receiver).make(call_id, 1) == "failed"
    assert len(receiver.received) == 1
    settle(env)
    ended = row_of(env, journey.id)
    assert ended.outcome == "failed"
    assert ended.state["results"]["hook"] == {"status": "failed", "code": code}


def test_call_gives_up_after_a_day(env: Environment, receiver: Receiver) -> None:
    _, call_id = asked(env)
    receiver.codes = [503]
    env.clock.advance(hours=48)  # type: ignore[attr-defined]  # nobody could try: workers were away
    with pytest.raises(RetryLaterError):
        outbox(env, receiver).make(call_id, 1)
    env.clock.advance(hours=24)  # type: ignore[attr-defined]
    assert outbox(env, receiver).make(call_id, 1) == "failed"
    assert call_of(env, call_id).reason == "gave_up http_503"


def test_call_to_nobody_there_is_tried_again(env: Environment, receiver: Receiver) -> None:
    _, call_id = asked(env)
    nobody = CallOutbox(env, webhooks={"crm": Endpoint(url="http://127.0.0.1:9/hooks")})
    with pytest.raises(RetryLaterError):
        nobody.make(call_id, 1)
    assert call_of(env, call_id).reason == "connection_failed"


def test_call_that_is_not_configured_stays_here(env: Environment) -> None:
    journey, call_id = asked(env)
    assert CallOutbox(env).make(call_id, 1) == "done"
    row = call_of(env, call_id)
    assert (row.sink, row.code) == (True, None)
    assert json.loads(row.body or "")["lead"]["id"] == journey.lead_id
    settle(env)
    assert row_of(env, journey.id).outcome == "done"


def test_call_that_is_done_is_not_made_again(env: Environment, receiver: Receiver) -> None:
    _, call_id = asked(env)
    for _ in range(2):
        assert outbox(env, receiver).make(call_id, 1) == "done"
    assert len(receiver.received) == 1


def test_call_of_an_old_generation_is_not_made(env: Environment, receiver: Receiver) -> None:
    _, call_id = asked(env)
    assert outbox(env, receiver).make(call_id, 0) == "superseded"
    assert receiver.received == []


def test_call_of_an_ended_journey_is_skipped(env: Environment, receiver: Receiver) -> None:
    journey, call_id = asked(env)
    report(env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "nurture"}, trust="verified")
    assert outbox(env, receiver).make(call_id, 1) == "skipped"
    assert receiver.received == []
    settle(env)
    ended = row_of(env, journey.id)
    assert (ended.status, ended.outcome, ended.next["kind"]) == (EnrolmentStatus.ENDED, "unsubscribed", "end")


def test_call_that_waits_to_be_tried_again_does_not_keep_its_journey(
    env: Environment, receiver: Receiver
) -> None:
    journey, call_id = asked(env)
    receiver.codes = [503]
    with pytest.raises(RetryLaterError):
        outbox(env, receiver).make(call_id, 1)
    report(env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "nurture"}, trust="verified")
    settle(env)
    assert row_of(env, journey.id).next["kind"] == "end"
    assert (call_of(env, call_id).status, call_of(env, call_id).reason) == (
        CallStatus.FAILED,
        "journey_ended",
    )
    assert outbox(env, receiver).make(call_id, 1) == "failed"
    assert len(receiver.received) == 1
    assert examine(env).problems == []


def test_call_in_flight_keeps_the_journeys_last_turn(env: Environment, receiver: Receiver) -> None:
    journey, call_id = asked(env)

    class Slow(HttpClient):
        def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
            topic = {"topic": "nurture"}
            report(env, "unsubscribed", lead_id=journey.lead_id, properties=topic, trust="verified")
            settle(env, call=lambda *_: None)
            assert row_of(env, journey.id).next["kind"] == "call"
            assert examine(env).problems == []
            super().post(url, body, headers)
            return 503

    endpoint = Endpoint(url=receiver.url)
    assert CallOutbox(env, webhooks={"crm": endpoint}, client=Slow()).make(call_id, 1) == "failed"
    assert call_of(env, call_id).reason == "journey_ended"
    assert len(receiver.received) == 1
    settle(env)
    assert row_of(env, journey.id).next["kind"] == "end"


def test_chat_gets_the_template_as_text(tmp_path: Path, receiver: Receiver) -> None:
    env = environment(tmp_path, plan_of(p.NotifyStep(id="tell", to="slack", template="case")))
    _, call_id = asked(env)
    with Renderer() as renderer:
        outbox = CallOutbox(env, renderer, chat=Endpoint(url=f"{receiver.url}/chat"))
        assert outbox.make(call_id, 1) == "done"
    text = json.loads(receiver.received[0].body)["text"]
    assert text.startswith("導入事例\n")
    assert "株式会社東都商事 山田 太郎 様" in text
    assert "/u/" not in text


def test_chat_template_that_cannot_be_rendered_fails(tmp_path: Path, receiver: Receiver) -> None:
    env = environment(tmp_path, plan_of(p.NotifyStep(id="tell", to="slack", template="none/such")))
    _, call_id = asked(env)
    with Renderer() as renderer:
        outbox = CallOutbox(env, renderer, chat=Endpoint(url=f"{receiver.url}/chat"))
        assert outbox.make(call_id, 1) == "failed"
    assert (call_of(env, call_id).reason or "").startswith("render_no_template")
    assert receiver.received == []


def test_n7_call_of_a_held_journey_keeps_its_id_when_it_is_tried_again(
    tmp_path: Path, receiver: Receiver
) -> None:
    """The receiver may have done the work although no answer came: it must know the call again."""
    workspace = make_workspace(webhooks={"crm": p.Webhook(title="顧客管理")})
    env = environment(tmp_path, plan_of(HOOK.model_copy(update={"holds": True})), workspace=workspace)
    journey, call_id = asked(env)
    receiver.codes = [404]
    assert outbox(env, receiver).make(call_id, 1) == "failed"
    settle(env, call=lambda *_: None)
    assert row_of(env, journey.id).held_code == "call_failed"
    env.clock.advance(days=2)  # type: ignore[attr-defined]
    assert retry_journey(env, journey.id, Caller("sato")).no_op is None
    settle(env, call=lambda *_: None)
    row = row_of(env, journey.id)
    assert (row.status, row.next["call_id"], row.state["visits"]["hook"]) == ("running", call_id, 1)
    receiver.codes = [503]
    with pytest.raises(RetryLaterError):  # it has a day again
        outbox(env, receiver).make(call_id, 1)
    receiver.codes = [200]
    assert outbox(env, receiver).make(call_id, 1) == "done"
    settle(env)
    assert row_of(env, journey.id).outcome == "done"
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 1
    assert len(calls(env)) == 1
