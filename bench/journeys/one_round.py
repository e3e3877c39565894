"""One way, once, in a process of its own: prints what it measured as JSON.

python -m bench.journeys.one_round WAY --journeys 60 --smtp-port PORT
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from sqlmodel import col, func, select
from temporalio.client import Client

from bench.journeys.ground import Ground, standing_on
from leadloop.embedded.processes import free_port
from leadloop.embedded.temporal_server import running_temporal
from leadloop.storage.tables import Enrolment, Lead, Message, MessageStatus

WAYS = ("activities", "local", "dbos", "leadloop")
_WARM_UP = 5
_LONGEST = 300.0
"""Seconds a round may take: a way that fails must not hold up the others."""
_LOOKED_AT = 10
"""Histories that are read."""


async def measure(way: str, journeys: int, smtp_port: int, folder: Path) -> dict[str, Any]:
    """Drive some journeys to warm up, then those that count."""
    with standing_on(folder, smtp_port) as ground:
        async with AsyncExitStack() as stack:
            client: Client | None = None
            if way != "dbos":
                server = await stack.enter_async_context(running_temporal(folder, free_port(), free_port()))
                client = server.client
            drive = await stack.enter_async_context(_running(way, ground, client))
            await asyncio.wait_for(drive(ground.add_leads(_WARM_UP, "warm")), _LONGEST)
            leads = ground.add_leads(journeys, "lead")
            gc.collect()
            used, began = _processor(), time.perf_counter()
            ids = await asyncio.wait_for(drive(leads), _LONGEST)
            seconds, used = time.perf_counter() - began, _processor() - used
            _check(ground, leads)
            events = await _history_events(client, ids) if client is not None else None
    return {
        "way": way,
        "journeys": journeys,
        "per_second": journeys / seconds,
        "cpu_ms": used / journeys * 1000,
        "history_events": events,
    }


def _running(way: str, ground: Ground, client: Client | None) -> Any:
    if client is None:
        from bench.journeys import on_dbos

        return on_dbos.running(ground)
    if way == "leadloop":
        from bench.journeys import on_leadloop

        return on_leadloop.running(ground, client)
    from bench.journeys import hand_written

    return hand_written.running(ground, client, local=way == "local")


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _check(ground: Ground, leads: list[str]) -> None:
    """See that every way did the work: two mails, the points and the tag for each, and an end."""
    with ground.env.database.read() as session:
        mails = session.exec(
            select(func.count()).where(col(Message.lead_id).in_(leads), Message.status == MessageStatus.SENT)
        ).one()
        tagged = [
            one for one in session.exec(select(Lead).where(col(Lead.id).in_(leads))) if "vip" in one.tags
        ]
        ended = session.exec(
            select(func.count()).where(col(Enrolment.lead_id).in_(leads), Enrolment.outcome == "completed")
        ).one()
    done = (mails, len(tagged), ended)
    if done != (2 * len(leads), len(leads), len(leads)):
        raise SystemExit(f"the work was not done: mails, tags, ends are {done} of {len(leads)} journeys")


async def _history_events(client: Client, ids: list[str]) -> float:
    counts = [len((await client.get_workflow_handle(one).fetch_history()).events) for one in ids[:_LOOKED_AT]]
    return statistics.median(counts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--journeys", type=int, default=60)
    parser.add_argument("--smtp-port", type=int, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = asyncio.run(measure(arguments.way, arguments.journeys, arguments.smtp_port, Path(name)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
