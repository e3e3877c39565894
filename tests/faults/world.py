"""What fault tests do to a real engine, and what they read from it afterwards."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from sqlmodel import col, select
from temporalio.client import Client, WorkflowExecution

from leadloop.contracts import journeys_queue
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.storage.tables import Enrolment, Event, Message, MessageStatus
from tests.faults.checker import Answer, Observed, answer_of
from tests.faults.events import form
from tests.kill.engine import Engine, wait_until

CANARY = "金糸雀カナリア"
"""Family name of every lead that `enter` makes: it must not be seen outside the database."""


def enter(engine: Engine, names: Iterable[str]) -> list[Answer]:
    """Submit the form that starts the nurture for each name; return what the clients were told."""
    items = [form(name, CANARY, f"form-{name}") for name in names]
    return take(engine, items)


def take(engine: Engine, items: Sequence[IncomingEvent]) -> list[Answer]:
    """Ingest events in one transaction; return what the clients were told."""
    with engine.env.database.write() as session:
        results = ingest(session, engine.env, items)
    return [
        answer_of(result, item.external_id, item.source) for item, result in zip(items, results, strict=True)
    ]


def click_all(engine: Engine) -> list[Answer]:
    """Every lead whose first mail arrived clicks it, once however often this is called.

    Nobody clicks what did not arrive: a click is proof that an uncertain mail was sent.
    """
    with engine.env.database.read() as session:
        sent = session.exec(select(Message).where(Message.step_id == "thanks")).all()
    rows = [row for row in sent if row.id in engine.sink.received]
    return take(
        engine,
        [
            IncomingEvent(
                "email_clicked", lead_id=row.lead_id, message_id=row.id, source="tracking",
                external_id=f"click:{row.id}",
            )
            for row in rows
        ],
    )  # fmt: skip


def journeys(engine: Engine) -> list[Enrolment]:
    with engine.env.database.read() as session:
        return list(session.exec(select(Enrolment).order_by(col(Enrolment.id))).all())


def messages(engine: Engine) -> list[Message]:
    with engine.env.database.read() as session:
        return list(session.exec(select(Message)).all())


def all_wait(engine: Engine, count: int) -> bool:
    """Return whether so many journeys are there and none of them is under way."""
    rows = journeys(engine)
    return len(rows) == count and all(row.next.get("kind") in ("wait", "end") for row in rows)


def all_done(engine: Engine, count: int) -> bool:
    """Return whether so many journeys have ended and every event is applied.

    A journey whose mail is uncertain and did not arrive waits for days: nobody can click it.
    """
    lost = {
        row.enrolment_id
        for row in messages(engine)
        if row.status == MessageStatus.UNCERTAIN and row.id not in engine.sink.received
    }
    rows = journeys(engine)
    kinds = {row.next.get("kind") for row in rows if row.id not in lost}
    if len(rows) != count or not kinds <= {"end"} or not all_wait(engine, count):
        return False
    with engine.env.database.read() as session:
        return session.exec(select(Event.id).where(col(Event.applied_at).is_(None))).first() is None


def finish(engine: Engine, count: int, seconds: float = 110) -> list[Answer]:
    """Let every journey come to its wait, click, and run to its end; return what was told."""
    wait_until(lambda: all_wait(engine, count), seconds, f"{count} wait: {engine.log()}")
    answers = click_all(engine)
    wait_until(lambda: all_done(engine, count), seconds, f"{count} ended: {engine.log()}")
    return answers


def observe(engine: Engine, answers: Sequence[Answer], entered: int, *, temporal: bool = True) -> Observed:
    """Return everything that was seen of an engine, for the checker."""
    texts = {path.name: path.read_text(errors="replace") for path in engine.folder.glob("*.log")}
    if temporal:
        texts |= asyncio.run(temporal_texts(engine.variables["TEMPORAL_ADDRESS"], engine.workspace))
    return Observed(
        engine.env,
        answers=answers,
        mails=engine.sink.received,
        texts=texts,
        canaries=[CANARY, "kaisha.example"],
        entered=entered,
    )


async def temporal_texts(address: str, workspace: str) -> dict[str, str]:
    """Return what Temporal keeps of a workspace's journeys: ids, search attributes, memos, histories."""
    client = await Client.connect(address)
    found: dict[str, str] = {}
    async for run in client.list_workflows(f"TaskQueue = '{journeys_queue(workspace)}'"):
        found[f"workflow {run.id}"] = await _text_of(client, run)
    return found


async def _text_of(client: Client, run: WorkflowExecution) -> str:
    history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
    parts: list[Any] = [_plain(MessageToDict(run.raw_info))]
    parts += [_plain(MessageToDict(event)) for event in history.events]
    return "\n".join(json.dumps(part, ensure_ascii=False) for part in parts)


def _plain(value: Any) -> Any:
    """Return a message with its payloads decoded: they are base64 otherwise, and hide every text."""
    if isinstance(value, dict):
        if set(value) >= {"metadata", "data"}:
            return base64.b64decode(value["data"]).decode("utf-8", "replace")
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
