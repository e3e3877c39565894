"""The journey as leadloop runs it: its workers and services as `worker.py` starts them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlmodel import col, func, select
from temporalio.client import Client

from bench.journeys.ground import Ground, click_when_sent
from leadloop.contracts import journey_workflow_id
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.tokens import Tokens
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.storage.tables import Enrolment, Message
from worker import running_engine

_LOOK_SECONDS = 0.05


@asynccontextmanager
async def running(ground: Ground, client: Client) -> AsyncIterator[Callable[[list[str]], Any]]:
    """Run the engine while the block runs; yield what drives journeys of leads to their end."""
    env = ground.env
    outbox = Outbox(env, ground.renderer, ground.sender, Tokens(env.keys), "http://127.0.0.1:8080")

    def report(item: IncomingEvent) -> None:
        with env.database.write() as session:
            ingest(session, env, [item])

    def ended(leads: list[str]) -> list[str]:
        with env.database.read() as session:
            return list(
                session.exec(
                    select(Enrolment.id).where(
                        col(Enrolment.lead_id).in_(leads),
                        func.json_extract(col(Enrolment.next), "$.kind") == "end",
                    )
                ).all()
            )

    async with running_engine(env, client, outbox):

        async def drive(leads: list[str]) -> list[str]:
            async def one(lead_id: str) -> None:
                form = IncomingEvent(
                    "form_submitted", properties={"form": "whitepaper"}, lead_id=lead_id, source="form",
                    trust="verified",
                )  # fmt: skip
                await asyncio.to_thread(report, form)

            async def click(message: Message) -> None:
                item = IncomingEvent(
                    "email_clicked", lead_id=message.lead_id, message_id=message.id, source="tracking"
                )
                await asyncio.to_thread(report, item)

            clicking = asyncio.create_task(click_when_sent(ground, click, len(leads)))
            await asyncio.gather(*(one(lead_id) for lead_id in leads))
            await clicking
            while len(found := await asyncio.to_thread(ended, leads)) < len(leads):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
            ids = [journey_workflow_id(one) for one in found]
            await asyncio.gather(*(client.get_workflow_handle(one).result() for one in ids))
            return ids

        yield drive
