"""Records histories of journeys into tests/histories, for the replay test.

    python scripts/record_histories.py BATCH [NAME …]

Without names it records all, into `tests/histories/BATCH`. Before a release that changes
`workflows/`, record a new batch under its version; the old ones stay and must go on replaying.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sqlalchemy.engine import make_url  # noqa: E402
from sqlmodel import select  # noqa: E402
from temporalio.api.enums.v1 import IndexedValueType  # noqa: E402
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest  # noqa: E402
from temporalio.client import WorkflowContinuedAsNewError, WorkflowHistory  # noqa: E402
from temporalio.testing import WorkflowEnvironment  # noqa: E402
from temporalio.worker import Worker  # noqa: E402

from leadloop.contracts import (  # noqa: E402
    MIRROR_SIGNAL,
    SEARCH_ATTRIBUTES,
    WAKE_SIGNAL,
    WATERMARK_WORKFLOW,
    ErasedLead,
    WakeSignal,
    Watermark,
    journeys_queue,
    watermark_workflow_id,
)
from leadloop.inbox.turns.editions import apply_edition, run_editions  # noqa: E402
from leadloop.language import plan as p  # noqa: E402
from leadloop.storage.publications import publish  # noqa: E402
from leadloop.storage.tables import Enrolment, Offer  # noqa: E402
from tests.factories import NOW, make_environment, make_publication  # noqa: E402
from tests.inbox.driver import journeys, mails, report  # noqa: E402
from tests.inbox.played import plan_of, rest  # noqa: E402
from tests.temporal_env import (  # noqa: E402
    Bench,
    FakeEmail,
    ServerClock,
    running_workers,
    time_skipping_server,
)
from workflows.watermark import MOST_SIGNALS, WatermarkWorkflow  # noqa: E402

KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
FOLDER = ROOT / "tests" / "histories"
_MACHINE = re.compile(r'("(?:identity|stackTrace)": )"(?:[^"\\]|\\.)*"')


async def record() -> None:
    """Play each journey on a server of its own time, and write its history."""
    async with time_skipping_server() as server:
        await server.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=server.client.namespace, search_attributes=dict.fromkeys(SEARCH_ATTRIBUTES, KEYWORD)
            )
        )
        folder = FOLDER / sys.argv[1]
        folder.mkdir(exist_ok=True)
        for name in sys.argv[2:] or (*PLAYS, "watermark"):
            if name == "watermark":
                write(folder / f"{name}.json", await watermark(server))
                continue
            play = PLAYS[name]
            clock = ServerClock(await server.get_current_time())
            env = make_environment(Path(tempfile.mkdtemp()), PUBLICATIONS.get(name), clock=clock)
            bench = Bench(server, env, clock, FakeEmail(env))
            async with running_workers(env, server.client, bench.email, searchable=True):
                journey = await play(bench)
                await bench.until_closed(journey.id)
            write(folder / f"{name}.json", await bench.journey(journey.id).fetch_history())
            env.database.close()


def write(file: Path, history: WorkflowHistory) -> None:
    """Write a history without what names this machine."""
    file.write_text(scrubbed(history.to_json()) + "\n", encoding="utf-8")
    print(f"{file.stem}: {len(history.events)} events")


def scrubbed(history: str) -> str:
    """Take out what names this machine: identities and stack traces."""
    return _MACHINE.sub(r'\1""', history)


async def enter(bench: Bench) -> Enrolment:
    """Start a nurture journey and play it to its wait."""
    report(
        bench.env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"},
        identity={"family_name": "山田", "consent": True}, source="form", trust="verified",
    )  # fmt: skip
    await bench.serve()
    await bench.until(lambda: journeys(bench.env)[0].next.get("kind") == "wait")
    return journeys(bench.env)[0]


async def timed_out(bench: Bench) -> Enrolment:
    """Nothing happens for five days."""
    journey = await enter(bench)
    await bench.skip(days=6)
    return journey


async def clicked(bench: Bench) -> Enrolment:
    """A click wakes the journey."""
    journey = await enter(bench)
    report(
        bench.env, "email_clicked", lead_id=journey.lead_id, message_id=mails(bench.env)[0].id,
        source="tracking",
    )  # fmt: skip
    return journey


async def unsubscribed(bench: Bench) -> Enrolment:
    """A refusal ends the journey while it waits."""
    journey = await enter(bench)
    report(bench.env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "*"}, source="tracking")
    return journey


async def left_while_tried_again(bench: Bench) -> Enrolment:
    """A refusal ends the journey while its mail waits to be tried again."""
    bench.email.away = True
    report(
        bench.env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"},
        identity={"family_name": "山田", "consent": True}, source="form", trust="verified",
    )  # fmt: skip
    await bench.serve()
    (journey,) = journeys(bench.env)
    await bench.skip(minutes=3)
    report(bench.env, "unsubscribed", lead_id=journey.lead_id, properties={"topic": "*"}, source="tracking")
    return journey


async def sold(bench: Bench) -> Enrolment:
    """A hand-off: accepted, then won."""
    lead_id = (await enter(bench)).lead_id
    report(bench.env, "form_submitted", lead_id=lead_id, properties={"form": "contact"}, source="form")
    await bench.until(lambda: bool(journeys(bench.env, "sales-handoff")))
    (journey,) = journeys(bench.env, "sales-handoff")
    await bench.until(lambda: journeys(bench.env, "sales-handoff")[0].next.get("kind") == "wait")
    with bench.env.database.read() as session:
        offer = session.exec(select(Offer)).one()
    report(bench.env, "handoff_accepted", lead_id=lead_id, properties={"offer": offer.id}, source="sales")
    await bench.until(lambda: journeys(bench.env, "sales-handoff")[0].state.get("phase") == "working")
    await bench.skip(days=3)
    report(bench.env, "deal_won", lead_id=lead_id, properties={"deal": "d1"}, source="sales")
    return journey


async def called(bench: Bench) -> Enrolment:
    """A webhook without an address, then a rest."""
    journey = await enter(bench)
    await bench.skip(days=2)
    return journey


async def database_away(bench: Bench) -> Enrolment:
    """The local activity fails, so the turn is asked for through the server."""
    journey = await enter(bench)
    with bench.env.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE enrolment RENAME TO enrolment_away")
    await bench.journey(journey.id).signal(WAKE_SIGNAL, WakeSignal())
    await asyncio.sleep(3)
    with bench.env.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE enrolment_away RENAME TO enrolment")
    await bench.skip(days=6)
    return journey


async def database_hung(bench: Bench) -> Enrolment:
    """The local activity runs into its time limit, so the turn is asked for through the server."""
    journey = await enter(bench)
    blocker = sqlite3.connect(make_url(bench.env.database.url).database or "", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    await bench.journey(journey.id).signal(WAKE_SIGNAL, WakeSignal())
    await asyncio.sleep(6)
    blocker.close()
    await bench.skip(days=6)
    return journey


async def watermark(server: WorkflowEnvironment) -> WorkflowHistory:
    """Two processes report, one that has not heard of the epoch yet, until the run continues as new."""
    start = Watermark(database_id="01a21f4c-0000-7000-8000-000000000001", at=NOW)
    queue = journeys_queue("watermarks")
    async with Worker(server.client, task_queue=queue, workflows=[WatermarkWorkflow]):
        handle = await server.client.start_workflow(
            WATERMARK_WORKFLOW, start, id=watermark_workflow_id("watermarks"), task_queue=queue
        )
        run_id = handle.first_execution_run_id
        for number in range(MOST_SIGNALS):
            dead = ErasedLead(lead_id=f"01a21f4c-0000-7000-8000-{number:012}", erased_at=NOW)
            epoch = 1 + number // 50 - number % 2
            values: dict[str, object] = {"handed_over": number, "erased": number // 20, "epoch": epoch}
            if number % 20 == 0:
                values["tombstones"] = (dead,)
            await handle.signal(MIRROR_SIGNAL, start.model_copy(update=values))
        first = server.client.get_workflow_handle(handle.id, run_id=run_id)
        with suppress(WorkflowContinuedAsNewError):
            await first.result(follow_runs=False)
        return await first.fetch_history()


async def moved(bench: Bench) -> Enrolment:
    """A new version takes the journey over while it waits, so that its search attributes change."""
    journey = await enter(bench)
    await bench.until_asleep(journey.id)
    newest = plan_of(rest(days=2)).model_copy(update={"on_edit": p.OnEdit(default="move")})
    with bench.env.database.write() as session:
        old = bench.env.publications.current(session)
        publish(session, make_publication(plans={"play": newest}), "tests", bench.clock.now())
        apply_edition(session, bench.env, old, bench.env.publications.current(session), bench.clock.now())
    run_editions(bench.env)
    await bench.until(lambda: journeys(bench.env)[0].turn_no == 2)
    await bench.until_asleep(journey.id)
    await bench.skip(days=3)
    return journey


PLAYS = {
    "timed_out": timed_out,
    "clicked": clicked,
    "unsubscribed": unsubscribed,
    "left_while_tried_again": left_while_tried_again,
    "sold": sold,
    "called": called,
    "database_away": database_away,
    "database_hung": database_hung,
    "moved": moved,
}
HOOK = p.WebhookStep(id="hook", to="crm", on_fail=p.Target(exit="failed"))
PUBLICATIONS = {
    "called": make_publication(plans={"play": plan_of(HOOK, rest(days=1))}),
    "moved": make_publication(plans={"play": plan_of(rest(days=10))}),
}

if __name__ == "__main__":
    asyncio.run(record())
