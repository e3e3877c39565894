"""The journey as a DBOS workflow, written as DBOS's documentation does: a step per effect, `recv` for the
click, with its SQLite system database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from dbos import DBOS, SetWorkflowID

from bench.journeys.effects import Effects
from bench.journeys.ground import FIRST, SECOND, Ground, click_when_sent
from leadloop.storage.tables import Message

_FIVE_DAYS = 5 * 86_400
_CLICK = "click"


@asynccontextmanager
async def running(ground: Ground) -> AsyncIterator[Callable[[list[str]], Any]]:
    """Run DBOS while the block runs; yield what drives journeys of leads to their end."""
    effects = Effects(ground)
    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{ground.folder / 'dbos.db'}",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    def write_mail(journey_id: str, step_id: str) -> str:
        return effects.write_mail(journey_id, step_id)

    @DBOS.step()
    def send_mail(message_id: str) -> str:
        return effects.send_mail(message_id)

    @DBOS.step()
    def read_industry(journey_id: str) -> str | None:
        return effects.read_industry(journey_id)

    @DBOS.step()
    def add_points(journey_id: str) -> None:
        effects.add_points(journey_id)

    @DBOS.step()
    def add_tag(journey_id: str) -> None:
        effects.add_tag(journey_id)

    @DBOS.step()
    def finish(journey_id: str, outcome: str) -> None:
        effects.finish(journey_id, outcome)

    @DBOS.workflow()
    def journey(journey_id: str) -> str:
        send_mail(write_mail(journey_id, FIRST))
        if DBOS.recv(_CLICK, timeout_seconds=_FIVE_DAYS) is None:
            finish(journey_id, "silent")
            return "silent"
        if read_industry(journey_id) == "it":
            add_points(journey_id)
            add_tag(journey_id)
        send_mail(write_mail(journey_id, SECOND))
        finish(journey_id, "completed")
        return "completed"

    DBOS.launch()
    try:

        def start(lead_id: str) -> Any:
            journey_id = effects.begin(lead_id)
            with SetWorkflowID(journey_id):
                return DBOS.start_workflow(journey, journey_id)

        def send_click(message_id: str) -> None:
            DBOS.send(effects.note_click(message_id), "clicked", _CLICK)

        async def drive(leads: list[str]) -> list[str]:
            async def click(message: Message) -> None:
                await asyncio.to_thread(send_click, message.id)

            clicking = asyncio.create_task(click_when_sent(ground, click, len(leads)))
            handles = await asyncio.gather(*(asyncio.to_thread(start, lead_id) for lead_id in leads))
            await clicking
            await asyncio.gather(*(asyncio.to_thread(handle.get_result) for handle in handles))
            return [handle.workflow_id for handle in handles]

        yield drive
    finally:
        DBOS.destroy()
