"""Steps that cannot succeed: the journey ends up held, with a reason, and goes on once it is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

import leadloop.inbox.turns.walking
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import SmtpSender
from leadloop.inbox.doctor import examine
from leadloop.inbox.operations.commands import retry_journey
from leadloop.inbox.operations.log import Caller
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import CallStatus, EnrolmentStatus, MessageStatus
from tests.delivery.receiver import Receiver
from tests.delivery.sink import Sink
from tests.inbox.driver import calls, journeys, mails
from tests.inbox.played import rest, row_of
from tests.temporal_env import bench_of, calls_to, outbox_to, running_workers

ELSEWHERE = p.Target(exit="elsewhere")
MAIL = p.SendStep(id="mail", template="thanks", topic="nurture", on_skip=ELSEWHERE, on_fail=ELSEWHERE)
HOOK = p.WebhookStep(id="hook", to="crm", on_fail=ELSEWHERE)


async def test_t13_mail_server_down_for_a_week_holds_the_journey(
    time_server: WorkflowEnvironment, tmp_path: Path, renderer: Renderer, sink: Sink
) -> None:
    sink.replies["RCPT"] = ["451 4.3.0 later"]
    bench = await bench_of(time_server, tmp_path, MAIL.model_copy(update={"holds": True}), rest(days=1))
    env = bench.env
    sender = SmtpSender("127.0.0.1", sink.port, security="none")
    outbox = outbox_to(env, renderer, sender)
    async with running_workers(env, bench.client, outbox):
        await bench.serve()
        (journey,) = journeys(env)
        for _ in range(28):
            await bench.skip(hours=6)
        row, (mail,) = row_of(env, journey.id), mails(env)
        assert (mail.status, mail.reason) == (MessageStatus.FAILED, "gave_up smtp_451")
        assert sink.accepted == 0
        assert len(sink.commands) < 5000  # an attempt each five minutes for a day, no hot loop
        assert row.status == EnrolmentStatus.HELD
        assert row.held_reason == "the mail of `mail` failed: gave_up smtp_451"
        assert row.held_code == "mail_failed"
        assert await bench.status(journey.id) == WorkflowExecutionStatus.RUNNING
        assert examine(env).problems == []
        sink.replies = {}
        _retry(env, journey.id)
        await bench.until(lambda: row_of(env, journey.id).state["step"] == "rest")
        await bench.skip(days=2)
        assert await bench.until_closed(journey.id) == WorkflowExecutionStatus.COMPLETED
        assert [mail.status.value for mail in mails(env)] == ["failed", "sent"]
        assert sink.accepted == 1
    env.database.close()


@pytest.mark.parametrize("codes", [[503], [404]], ids=["down", "wrong-address"])
async def test_t13_webhook_that_fails_for_good_holds_the_journey(
    time_server: WorkflowEnvironment, tmp_path: Path, receiver: Receiver, codes: list[int]
) -> None:
    receiver.codes = codes
    bench = await bench_of(time_server, tmp_path, HOOK.model_copy(update={"holds": True}), rest(days=1))
    outside = calls_to(bench.env, receiver.url)
    async with running_workers(bench.env, bench.client, bench.email, outside):
        await bench.serve()
        (journey,) = journeys(bench.env)
        for _ in range(28):
            await bench.skip(hours=6)
        row, (call,) = row_of(bench.env, journey.id), calls(bench.env)
        assert call.status == CallStatus.FAILED
        assert row.status == EnrolmentStatus.HELD
        assert row.held_reason == f"the call of `hook` to `crm` failed: {call.reason}"
        assert row.held_code == "call_failed"
        assert len(receiver.received) < 50
        assert examine(bench.env).problems == []
        receiver.codes = [200]
        _retry(bench.env, journey.id)
        await bench.until(lambda: row_of(bench.env, journey.id).state["step"] == "rest")
        (again,) = calls(bench.env)
        assert (again.id, again.status) == (call.id, CallStatus.DONE)
        assert {one.headers["webhook-id"] for one in receiver.received} == {call.call_key}
    bench.env.database.close()


async def test_t13_turn_that_fails_for_an_hour_holds_the_journey(
    time_server: WorkflowEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of the engine: it is tried again for an hour, then a person is told; then it goes on."""
    bench = await bench_of(time_server, tmp_path, rest("first", days=2), rest(days=1))
    attempts: list[int] = []

    def broken(*_: Any) -> None:
        attempts.append(1)
        raise KeyError("taro@kaisha.example")

    async with running_workers(bench.env, bench.client, bench.email):
        await bench.serve()
        (journey,) = journeys(bench.env)
        await bench.until(lambda: row_of(bench.env, journey.id).turn_no == 1)
        with monkeypatch.context() as patch:
            patch.setattr(leadloop.inbox.turns.walking, "decide", broken)
            await bench.skip(days=2)
            for _ in range(30):
                await bench.skip(minutes=5)
        held = row_of(bench.env, journey.id)
        assert held.status == EnrolmentStatus.HELD
        assert (held.held_reason or "").startswith("its turn 2 failed for an hour: KeyError, see log ")
        assert "kaisha" not in (held.held_reason or "")
        assert held.held_code == "turn_failed"
        assert 30 < len(attempts) < 120  # at most a minute apart, for an hour
        tried = len(attempts)
        await bench.skip(days=5)
        assert len(attempts) == tried
        assert await bench.status(journey.id) == WorkflowExecutionStatus.RUNNING
        _retry(bench.env, journey.id)
        await bench.until(lambda: row_of(bench.env, journey.id).turn_no == 2)
        await bench.skip(days=2)
        assert await bench.until_closed(journey.id) == WorkflowExecutionStatus.COMPLETED
    assert row_of(bench.env, journey.id).outcome == "completed"
    bench.env.database.close()


async def test_turn_that_failed_a_while_and_then_went_well_begins_to_count_anew(
    time_server: WorkflowEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await bench_of(time_server, tmp_path, rest("first", days=2), rest(days=1))

    def broken(*_: Any) -> None:
        raise KeyError

    async with running_workers(bench.env, bench.client, bench.email):
        await bench.serve()
        (journey,) = journeys(bench.env)
        await bench.until(lambda: row_of(bench.env, journey.id).turn_no == 1)
        with monkeypatch.context() as patch:
            patch.setattr(leadloop.inbox.turns.walking, "decide", broken)
            await bench.skip(days=2)
            for _ in range(6):
                await bench.skip(minutes=5)
            assert row_of(bench.env, journey.id).failing_since is not None
        await bench.skip(minutes=5)
        assert row_of(bench.env, journey.id).turn_no == 2
        assert row_of(bench.env, journey.id).failing_since is None
    bench.env.database.close()


def _retry(env: Environment, enrolment_id: str) -> None:
    assert retry_journey(env, enrolment_id, Caller("sato")).no_op is None
