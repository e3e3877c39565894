"""The journey as a Temporal workflow written by hand: one activity per effect, normal or local ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

with workflow.unsafe.imports_passed_through():
    from bench.journeys.effects import Effects
    from bench.journeys.ground import FIRST, SECOND, Ground, click_when_sent
    from leadloop.storage.tables import Message

_QUEUE = "hand-written"
_THREADS = 8
_MINUTE = timedelta(minutes=1)


@dataclass
class Start:
    """A journey and how it calls its effects."""

    journey_id: str
    local: bool


class Activities:
    """Each effect as an activity."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    @activity.defn
    def write_mail(self, journey_id: str, step_id: str) -> str:
        return self._effects.write_mail(journey_id, step_id)

    @activity.defn
    def send_mail(self, message_id: str) -> str:
        return self._effects.send_mail(message_id)

    @activity.defn
    def read_industry(self, journey_id: str) -> str | None:
        return self._effects.read_industry(journey_id)

    @activity.defn
    def add_points(self, journey_id: str) -> None:
        self._effects.add_points(journey_id)

    @activity.defn
    def add_tag(self, journey_id: str) -> None:
        self._effects.add_tag(journey_id)

    @activity.defn
    def finish(self, journey_id: str, outcome: str) -> None:
        self._effects.finish(journey_id, outcome)

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.write_mail, self.send_mail, self.read_industry, self.add_points, self.add_tag, self.finish,
        ]  # fmt: skip


@workflow.defn
class HandWritten:
    """Mail, wait for a click, branch, score, tag, mail."""

    def __init__(self) -> None:
        self._clicked = False

    @workflow.signal
    def click(self) -> None:
        self._clicked = True

    @workflow.run
    async def run(self, start: Start) -> str:
        self._local = start.local
        journey_id = start.journey_id
        # A mail is sent by a normal activity in both ways: a slow mail server must not hold a workflow task.
        await self._send(await self._do(Activities.write_mail, journey_id, FIRST))
        try:
            await workflow.wait_condition(lambda: self._clicked, timeout=timedelta(days=5))
        except TimeoutError:
            await self._do(Activities.finish, journey_id, "silent")
            return "silent"
        if await self._do(Activities.read_industry, journey_id) == "it":
            await self._do(Activities.add_points, journey_id)
            await self._do(Activities.add_tag, journey_id)
        await self._send(await self._do(Activities.write_mail, journey_id, SECOND))
        await self._do(Activities.finish, journey_id, "completed")
        return "completed"

    async def _do(self, effect: Any, *arguments: Any) -> Any:
        if self._local:
            return await workflow.execute_local_activity_method(
                effect, args=arguments, start_to_close_timeout=_MINUTE
            )
        return await workflow.execute_activity_method(effect, args=arguments, start_to_close_timeout=_MINUTE)

    async def _send(self, message_id: str) -> str:
        sent: str = await workflow.execute_activity_method(
            Activities.send_mail, message_id, start_to_close_timeout=_MINUTE
        )
        return sent


@asynccontextmanager
async def running(ground: Ground, client: Client, local: bool) -> AsyncIterator[Callable[[list[str]], Any]]:
    """Run the worker while the block runs; yield what drives journeys of leads to their end."""
    effects = Effects(ground)
    with ThreadPoolExecutor(_THREADS) as threads:
        worker = Worker(
            client, task_queue=_QUEUE, workflows=[HandWritten], activities=Activities(effects).all(),
            activity_executor=threads, workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_activities=_THREADS, max_concurrent_local_activities=_THREADS, build_id="bench",
        )  # fmt: skip
        async with worker:

            async def drive(leads: list[str]) -> list[str]:
                async def one(lead_id: str) -> str:
                    journey_id = await asyncio.to_thread(effects.begin, lead_id)
                    start = Start(journey_id, local)
                    await client.start_workflow(HandWritten.run, start, id=journey_id, task_queue=_QUEUE)
                    return journey_id

                async def click(message: Message) -> None:
                    journey_id = await asyncio.to_thread(effects.note_click, message.id)
                    await client.get_workflow_handle(journey_id).signal(HandWritten.click)

                clicking = asyncio.create_task(click_when_sent(ground, click, len(leads)))
                ids = await asyncio.gather(*(one(lead_id) for lead_id in leads))
                await clicking
                await asyncio.gather(*(client.get_workflow_handle(one).result() for one in ids))
                return list(ids)

            yield drive
