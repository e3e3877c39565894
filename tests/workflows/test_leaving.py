"""Leaving a journey at once, in whatever state it is: on a real Temporal server, with a real mail server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import SmtpSender
from leadloop.inbox.applier import apply_once
from leadloop.inbox.doctor import examine
from leadloop.language import plan as p
from leadloop.storage.tables import Enrolment, EnrolmentStatus, MessageStatus
from tests.delivery.receiver import Receiver
from tests.delivery.sink import Sink
from tests.inbox.driver import calls, journeys, mails, report
from tests.inbox.played import END, rest, row_of
from tests.temporal_env import Bench, bench_of, calls_to, outbox_to, running_workers

SEND = p.SendStep(id="mail", template="thanks", topic="nurture", on_skip=END, on_fail=END)
HOOK = p.WebhookStep(id="hook", to="crm", on_fail=END)
COOLDOWN = p.RecycleStep(
    id="back", cooldown={"default": p.Span(amount=60, unit="days")}, max_cycles=3, on_max=END
)
FAR = (datetime.now(UTC).weekday() + 3) % 7
Hook = Callable[[], None]
NIGHT = p.Calendar(open={FAR: (("03:00", "03:01"),)})
"""Not open while the test runs, whatever day it is: the server's time begins now."""
AT_NIGHT = p.Limits(send_window=p.SendWindow(calendar="night"))


@asynccontextmanager
async def _entered(
    server: WorkflowEnvironment,
    folder: Path,
    renderer: Renderer,
    sink: Sink,
    receiver: Receiver,
    *steps: Any,
    opened: Hook = lambda: None,
    written: Hook = lambda: None,
    **workspace: Any,
) -> AsyncIterator[tuple[Bench, Enrolment]]:
    """Play a scenario of these steps for one lead; `opened` is called when a mail got as far as RCPT,
    `written` when it is out and the server has not answered."""
    bench = await bench_of(server, folder, *steps, rest(), **workspace)
    env = bench.env
    sender = _Sender("127.0.0.1", sink.port, security="none")
    sender.opened, sender.written = opened, written
    outbox, outside = outbox_to(env, renderer, sender), calls_to(env, receiver.url)
    async with running_workers(env, bench.client, outbox, outside):
        await bench.serve()
        (journey,) = journeys(env)
        yield bench, journey
    env.database.close()


class _Sender(SmtpSender):
    opened: Hook
    written: Hook

    def open(self, from_address: str, to_address: str) -> Any:
        transaction = super().open(from_address, to_address)
        self.opened()
        hand_over = transaction.deliver

        def deliver(content: bytes, _: Hook) -> int:
            return hand_over(content, self.written)

        transaction.deliver = deliver  # type: ignore[method-assign,assignment]
        return transaction


def _unsubscribe(bench: Bench, lead_id: str) -> None:
    report(bench.env, "unsubscribed", lead_id=lead_id, properties={"topic": "nurture"}, source="tracking")


STATES: dict[str, tuple[Any, dict[str, Any]]] = {
    "long-wait": (rest("long", days=30), {}),
    "held-mail": (SEND, {"limits": AT_NIGHT, "calendars": {"night": NIGHT}}),
    "mail-tried-again": (SEND, {}),
    "call-tried-again": (HOOK, {}),
    "cool-down": (COOLDOWN, {}),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
async def test_t8_journey_ends_at_once_in_any_state(
    time_server: WorkflowEnvironment,
    tmp_path: Path,
    renderer: Renderer,
    sink: Sink,
    receiver: Receiver,
    state: str,
) -> None:
    step, workspace = STATES[state]
    if state == "mail-tried-again":
        sink.replies["RCPT"] = ["451 4.3.0 later"]
    receiver.codes = [503]
    async with _entered(time_server, tmp_path, renderer, sink, receiver, step, **workspace) as (
        bench,
        journey,
    ):
        for _ in range(4):
            await bench.skip(minutes=20)
        before, now_in = bench.clock.now(), row_of(bench.env, journey.id)
        assert now_in.state["step"] == step.id
        assert now_in.next["kind"] == {"mail-tried-again": "send", "call-tried-again": "call"}.get(
            state, "wait"
        )
        _unsubscribe(bench, journey.lead_id)
        assert await bench.until_closed(journey.id) == WorkflowExecutionStatus.COMPLETED
        assert bench.clock.now() - before < timedelta(minutes=1)
        assert (await bench.journey(journey.id).result()).outcome == "unsubscribed"
        await bench.skip(days=40)
        assert sink.accepted == 0
        assert {mail.status for mail in mails(bench.env)} <= {MessageStatus.SKIPPED}
        assert {call.status.value for call in calls(bench.env)} <= {"failed"}
        assert examine(bench.env).problems == []


async def test_t8_refusal_while_the_mail_server_listens_is_heard_at_the_claim(
    time_server: WorkflowEnvironment, tmp_path: Path, renderer: Renderer, sink: Sink, receiver: Receiver
) -> None:
    told: list[str] = []

    def refuse() -> None:
        if not told:
            told.append(journeys(bench.env)[0].lead_id)
            _unsubscribe(bench, told[0])

    world = _entered(time_server, tmp_path, renderer, sink, receiver, SEND, opened=refuse)
    async with world as (bench, journey):
        assert await bench.until_closed(journey.id) == WorkflowExecutionStatus.COMPLETED
        assert told
        assert sink.mails == []
        (mail,) = mails(bench.env)
        assert (mail.status, mail.reason) == (MessageStatus.SKIPPED, "unsubscribed")


async def test_t8_refusal_during_data_lets_that_mail_go_and_no_other(
    time_server: WorkflowEnvironment, tmp_path: Path, renderer: Renderer, sink: Sink, receiver: Receiver
) -> None:
    """Nobody can stop a mail between claim and answer. Where the server did not take it, that is the end."""
    sink.replies["DOT"] = ["451 4.3.0 later"]
    late = 9  # tries; after so many the next one is four minutes away
    tries: list[int] = []

    def refuse() -> None:
        tries.append(len(sink.mails))
        if len(tries) == late:
            _unsubscribe(bench, journeys(bench.env)[0].lead_id)
            apply_once(bench.env)

    world = _entered(time_server, tmp_path, renderer, sink, receiver, SEND, written=refuse)
    async with world as (bench, journey):
        for _ in range(30):
            await bench.skip(seconds=15)
            if row_of(bench.env, journey.id).status == EnrolmentStatus.ENDED:
                break
        before = bench.clock.now()
        assert await bench.until_closed(journey.id) == WorkflowExecutionStatus.COMPLETED
        assert bench.clock.now() - before < timedelta(minutes=1)
        await bench.skip(days=1)
        assert len(tries) == len(sink.mails) == late
        (mail,) = mails(bench.env)
        assert (mail.status, mail.reason) == (MessageStatus.SKIPPED, "unsubscribed")
