"""A journey with a webhook on a real server: the call is made by the workflow, and tried again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from leadloop.delivery.calls import CallOutbox
from leadloop.language import plan as p
from leadloop.settings import Endpoint
from leadloop.storage.tables import Turn
from tests.delivery.receiver import Receiver, receiving
from tests.factories import make_environment, make_publication
from tests.inbox.driver import calls, journeys, report
from tests.inbox.played import plan_of, rest
from tests.temporal_env import Bench, FakeEmail, ServerClock, running_workers

HOOK = p.WebhookStep(id="hook", to="crm", on_fail=p.Target(exit="failed"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.mark.parametrize(
    ("codes", "outcome", "attempts"),
    [([200], "completed", 1), ([503, 503, 200], "completed", 3), ([404], "failed", 1), ([503], "failed", 0)],
)
async def test_webhook_is_called_until_it_is_done_or_has_failed(
    time_server: WorkflowEnvironment,
    tmp_path: Path,
    receiver: Receiver,
    codes: list[int],
    outcome: str,
    attempts: int,
) -> None:
    clock = ServerClock(await time_server.get_current_time())
    plan = plan_of(HOOK, rest(days=1))
    env = make_environment(tmp_path, make_publication(plans={"play": plan}), clock=clock)
    bench = Bench(time_server, env, clock, FakeEmail(env))
    receiver.codes = list(codes)
    outbox = CallOutbox(env, webhooks={"crm": Endpoint(url=receiver.url)})
    report(env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"})
    async with running_workers(env, bench.client, bench.email, outbox):
        await bench.serve()
        (journey,) = journeys(env)
        for _ in range(60):
            await bench.skip(hours=1)
            if await bench.status(journey.id) == WorkflowExecutionStatus.COMPLETED:
                break
        assert (await bench.journey(journey.id).result()).outcome == outcome
    (call,) = calls(env)
    assert call.attempts == (attempts or len(receiver.received))
    assert {one.headers["webhook-id"] for one in receiver.received} == {call.call_key}
    with env.database.read() as session:
        causes = [turn.cause for turn in session.exec(select(Turn).order_by(Turn.turn_no)).all()]  # type: ignore[arg-type]
    assert causes[1] == {"kind": "call", "status": call.status.value, "code": call.code}
    env.database.close()
