"""One time-skipping server for all workflow tests; an environment per test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.factories import make_environment
from tests.temporal_env import Bench, FakeEmail, ServerClock, find_test_server, time_skipping_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests on the loop that the server's client lives on."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("asyncio") is None:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def time_server() -> AsyncIterator[WorkflowEnvironment]:
    if find_test_server() is None:
        pytest.skip("temporal-test-server is not installed")
    async with time_skipping_server() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def bench(time_server: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[Bench]:
    clock = ServerClock(await time_server.get_current_time())
    env = make_environment(tmp_path, clock=clock)  # type: ignore[arg-type]
    yield Bench(time_server, env, clock, FakeEmail(env))
    env.database.close()
