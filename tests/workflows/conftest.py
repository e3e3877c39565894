"""A time-skipping server and an environment per test.

The server starts in a fifth of a second. One server for all would not do: a workflow that a test
terminates can leave its time standing still.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from leadloop.delivery.render import Renderer
from tests.delivery.receiver import Receiver, receiving
from tests.delivery.sink import Sink
from tests.factories import make_environment
from tests.temporal_env import Bench, FakeEmail, ServerClock, find_test_server, time_skipping_server


@pytest_asyncio.fixture
async def time_server() -> AsyncIterator[WorkflowEnvironment]:
    if find_test_server() is None:
        pytest.skip("temporal-test-server is not installed")
    async with time_skipping_server() as server:
        yield server


@pytest_asyncio.fixture
async def bench(time_server: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[Bench]:
    clock = ServerClock(await time_server.get_current_time())
    env = make_environment(tmp_path, clock=clock)
    yield Bench(time_server, env, clock, FakeEmail(env))
    env.database.close()


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as one:
        yield one


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as one:
        yield one


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one
