"""An event and a timeout that come together: whichever was committed first, and the same on every replay."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from leadloop.language import plan as p
from leadloop.storage.tables import Enrolment
from tests.factories import make_environment, make_publication
from tests.inbox.driver import journeys, report
from tests.inbox.played import ONE_DAY, plan_of, row_of
from tests.temporal_env import Bench, FakeEmail, ServerClock, running_workers
from workflows.journey import JourneyWorkflow

WAIT = p.AwaitStep(
    id="read",
    branches=(p.Branch(match=p.EventMatch(event="page_viewed"), go=p.Target(exit="event")),),
    timeout=p.WaitSpec(span=ONE_DAY),
    on_timeout=p.Target(exit="timeout"),
)


@pytest.mark.parametrize(
    ("order", "outcome", "cached"),
    [
        ("event-committed", "event", 1000),
        ("event-committed", "event", 0),
        ("turn-committed", "timeout", 0),
        ("same-task", "event", 0),
    ],
)
async def test_t4_first_committed_wins_a_tie(
    time_server: WorkflowEnvironment, tmp_path: Path, order: str, outcome: str, cached: int
) -> None:
    clock = ServerClock(await time_server.get_current_time())
    env = make_environment(tmp_path, make_publication(plans={"play": plan_of(WAIT)}), clock=clock)
    bench = Bench(time_server, env, clock, FakeEmail(env))
    report(
        env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"}, source="form"
    )
    async with running_workers(env, bench.client, bench.email, max_cached_workflows=cached):
        await bench.serve()
        (journey,) = journeys(env)
        await bench.until(lambda: row_of(env, journey.id).turn_no == 1)
        await bench.until_asleep(journey.id)
        due = row_of(env, journey.id).due_at
        assert due is not None
        left = due - await time_server.get_current_time()
        if order == "event-committed":  # in the inbox, and not applied: the timer is first to ask
            await time_server.sleep(left - timedelta(seconds=1))
            _view(bench, journey)
            await time_server.sleep(timedelta(seconds=5))
        elif order == "turn-committed":
            await time_server.sleep(left + timedelta(seconds=1))
            await bench.until_closed(journey.id)
            _view(bench, journey)
    if order == "same-task":  # no worker: timer and wake wait for one workflow task
        await time_server.sleep(left + timedelta(seconds=1))
        _view(bench, journey)
        await bench.serve()
    async with running_workers(env, bench.client, bench.email, max_cached_workflows=cached):
        await bench.serve()
        assert await bench.until_closed(journey.id) == WorkflowExecutionStatus.COMPLETED
    assert row_of(env, journey.id).outcome == outcome
    history = await bench.journey(journey.id).fetch_history()
    replayer = Replayer(workflows=[JourneyWorkflow], data_converter=pydantic_data_converter)
    for _ in range(2):
        await replayer.replay_workflow(history)
    env.database.close()


def _view(bench: Bench, journey: Enrolment) -> None:
    report(bench.env, "page_viewed", lead_id=journey.lead_id, properties={"path": "/"}, source="tracking")
