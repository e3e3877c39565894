"""お問い合わせ on a real Temporal server: the mail, the call that is due, the answer, the webhook."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmodel import select
from temporalio.client import WorkflowExecutionStatus

from leadloop.delivery.calls import CallOutbox
from leadloop.sales.commands import finish_task
from leadloop.settings import Endpoint
from leadloop.storage.environment import Environment
from leadloop.storage.tables import CallStatus, Lead, Task, TaskStatus
from tests.delivery.receiver import receiving
from tests.factories import make_environment
from tests.inbox.driver import calls, journeys, mails, report
from tests.scenarios.world import shipped
from tests.temporal_env import (
    Bench,
    FakeEmail,
    ServerClock,
    find_test_server,
    running_workers,
    time_skipping_server,
)

NAME = "inquiry-fast-lane"


def _tasks(env: Environment) -> list[Task]:
    with env.database.read() as session:
        return list(session.exec(select(Task).order_by(Task.id)).all())


@pytest.mark.skipif(find_test_server() is None, reason="temporal-test-server is not installed")
async def test_inquiry_is_answered_called_twice_and_told_to_the_crm(tmp_path: Path) -> None:
    async with time_skipping_server() as server:
        clock = ServerClock(await server.get_current_time())
        env = make_environment(tmp_path, shipped(), clock)
        bench = Bench(server, env, clock, FakeEmail(env))
        with receiving() as receiver:
            receiver.codes = [503, 200]
            outbox = CallOutbox(env, webhooks={"crm": Endpoint(url=receiver.url)})
            report(
                env, "form_submitted", email="taro@kaisha.example", properties={"form": "contact"},
                source="form", trust="verified",
            )  # fmt: skip
            async with running_workers(env, bench.client, bench.email, outbox):
                await bench.until(lambda: len(_tasks(env)) == 1)
                (journey,) = journeys(env, NAME)
                await bench.until_asleep(journey.id)
                finish_task(env, _tasks(env)[0].id, "absent")
                await bench.serve()
                await bench.until_asleep(journey.id)
                for _ in range(30):  # three business hours, over any weekend
                    if len(_tasks(env)) == 2:
                        break
                    await bench.skip(hours=6)
                second = _tasks(env)[1]
                assert second.status in (TaskStatus.OPEN, TaskStatus.OVERDUE)
                finish_task(env, second.id, "appointment")
                for _ in range(20):
                    await bench.skip(minutes=5)
                    if await bench.status(journey.id) == WorkflowExecutionStatus.COMPLETED:
                        break
                assert (await bench.journey(journey.id).result()).outcome == "appointment"
        (call,) = calls(env)
        assert (call.status, call.attempts, call.code) == (CallStatus.DONE, 2, 200)
        assert [one.template for one in mails(env)] == ["inquiry/auto-reply"]
        with env.database.read() as session:
            assert session.exec(select(Lead.stage)).one() == "sql"
        env.database.close()
