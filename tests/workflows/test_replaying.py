"""Workers with a small cache or none: workflow tasks replay their history, and nothing else changes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from temporalio.client import Client

from leadloop.clock import RealClock
from leadloop.inbox.applier import apply_once
from leadloop.inbox.relaying.relay import Relay
from leadloop.storage.environment import Environment
from tests.factories import make_environment
from tests.inbox.driver import journeys, mails, report
from tests.kill.engine import dev_server
from tests.temporal_env import UNSANDBOXED, WORKSPACE, FakeEmail, connected, running_workers

ROOT = Path(__file__).parents[2]
HUNDREDS = pytest.param(150, marks=pytest.mark.fault)


@pytest.mark.fault
def test_t11_workflow_tests_pass_without_a_cache() -> None:
    command = [sys.executable, "-m", "pytest", "-x", "tests/workflows", "--max-cached-workflows=0"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stdout[-3000:]


async def _play(
    env: Environment, client: Client, people: int, serve: Callable[[], Awaitable[object]]
) -> None:
    """Many journeys at once, with two of them in the cache: all end right, each mail is handed over once."""
    email = FakeEmail(env)
    async with running_workers(env, client, email, runner=UNSANDBOXED, max_cached_workflows=2):
        for number in range(people):
            report(
                env, "form_submitted", email=f"hito{number}@kaisha.example",
                properties={"form": "whitepaper"},
                identity={"family_name": "山田", "consent": True}, source="form", trust="verified",
            )  # fmt: skip
        await _until(env, people, "wait", serve)
        for mail in mails(env):
            report(env, "email_clicked", lead_id=mail.lead_id, message_id=mail.id, source="tracking")
        await _until(env, people, "end", serve)
    rows = journeys(env)
    assert {(row.outcome, row.turn_no, row.generation) for row in rows} == {("completed", 4, 1)}
    assert sorted(email.sent) == sorted(mail.id for mail in mails(env))
    assert len(email.sent) == 2 * people


async def _until(env: Environment, people: int, kind: str, serve: Callable[[], Awaitable[object]]) -> None:
    pause = people / 500  # to look at many journeys costs time that they need
    for _ in range(2000):
        await serve()
        if [row.next.get("kind") for row in journeys(env)] == [kind] * people:
            return
        await asyncio.sleep(pause)
    raise AssertionError(f"not all journeys came to `{kind}`")


@pytest.mark.parametrize("people", [25, HUNDREDS])
async def test_t11_many_journeys_with_room_for_two_in_the_cache(tmp_path: Path, people: int) -> None:
    # Not on the time-skipping server: where it refuses a workflow task that cancels a timer it forgets
    # the task for ever (temporalio/sdk-java issue 3088), and with so small a cache it does.
    with dev_server(tmp_path) as address:
        client = await connected(address)
        env = make_environment(tmp_path, clock=RealClock())
        relay = Relay(env, client, WORKSPACE)

        async def serve() -> None:
            while await asyncio.to_thread(apply_once, env):
                pass
            await relay.run_once()

        await _play(env, client, people, serve)
        env.database.close()
