"""Workers with a small cache or none: workflow tasks replay their history, and nothing else changes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inbox.driver import journeys, mails, report
from tests.temporal_env import UNSANDBOXED, Bench, running_workers

ROOT = Path(__file__).parents[2]


@pytest.mark.fault
def test_t11_workflow_tests_pass_without_a_cache() -> None:
    command = [sys.executable, "-m", "pytest", "-x", "tests/workflows", "--max-cached-workflows=0"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stdout[-3000:]


async def _play(bench: Bench, people: int) -> None:
    """Many journeys at once, with two of them in the cache: all end right, each mail is handed over once."""
    async with running_workers(
        bench.env, bench.client, bench.email, runner=UNSANDBOXED, max_cached_workflows=2
    ):
        for number in range(people):
            report(
                bench.env, "form_submitted", email=f"hito{number}@kaisha.example",
                properties={"form": "whitepaper"},
                identity={"family_name": "山田", "consent": True}, source="form", trust="verified",
            )  # fmt: skip
        await _until(bench, people, "wait")
        await bench.skip(days=6)
        await _until(bench, people, "end")
    rows = journeys(bench.env)
    assert {(row.outcome, row.turn_no, row.generation) for row in rows} == {("completed", 4, 1)}
    assert sorted(bench.email.sent) == sorted(mail.id for mail in mails(bench.env))
    assert len(bench.email.sent) == 2 * people


async def _until(bench: Bench, people: int, kind: str) -> None:
    for _ in range(6000):
        await bench.serve()
        kinds = [row.next.get("kind") for row in journeys(bench.env)]
        if kinds == [kind] * people:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not all journeys came to `{kind}`")


async def test_t11_many_journeys_with_room_for_two_in_the_cache(bench: Bench) -> None:
    await _play(bench, 25)


@pytest.mark.fault
async def test_t11_a_thousand_journeys_with_room_for_two_in_the_cache(bench: Bench) -> None:
    await _play(bench, 1000)
