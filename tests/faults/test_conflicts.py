"""Transactions that PostgreSQL refuses (D10), and events that come in another order (E11)."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, select
from structlog.testing import capture_logs

from leadloop.inbox import services
from leadloop.inbox.applier import apply_once
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.leads.consent import may_mail
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead, LeadScore, Message, ScoreEntry
from tests.factories import NOW, ManualClock, make_environment
from tests.faults.checker import Answer, Observed, violations
from tests.faults.conftest import Api, published
from tests.faults.events import form, visit
from tests.inbox.driver import report, settle
from tests.kill.engine import wait_until
from tests.storage.postgres import fresh_database


@pytest.fixture
def env(postgres: str, clock: ManualClock) -> Iterator[Environment]:
    """An environment on PostgreSQL."""
    with fresh_database(postgres) as url:
        env = published(url, clock)
        yield env
        env.database.close()


@contextmanager
def applier(env: Environment) -> Iterator[None]:
    """Run the applier's loop, as a worker does."""
    halt = threading.Event()
    thread = threading.Thread(
        target=services._loop_here, args=("applier", lambda: apply_once(env), env, 0.05, halt, None)
    )
    thread.start()
    try:
        yield
    finally:
        halt.set()
        thread.join()


def _configure(env: Environment, setting: str) -> None:
    """Give the database a setting, for connections from now on."""
    with env.database.engine.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET {setting}"))
    env.database.engine.dispose()


def _points(env: Environment) -> list[int]:
    with env.database.read() as session:
        return [row.points for row in session.exec(select(LeadScore)).all()]


def test_d10_deadlock_is_tried_again_and_counts_once(env: Environment) -> None:
    """Somebody else locks the score, then wants the lead: PostgreSQL ends our transaction."""
    _configure(env, "deadlock_timeout = '5s'")  # time for this test to lock the lead too
    report(env, "page_viewed", email="taro@kaisha.example", properties={"path": "/"})
    settle(env)
    report(env, "page_viewed", email="taro@kaisha.example", properties={"path": "/"})
    other = Database(env.database.url)
    with capture_logs() as logs, other.engine.begin() as stranger:
        stranger.execute(text("SET LOCAL deadlock_timeout = '60s'"))  # let the other side notice first
        stranger.execute(text("SELECT * FROM lead_score FOR UPDATE"))
        with applier(env):
            try:
                wait_until(lambda: _waits_for_long(other), 30, "the applier waits for the score")
                stranger.execute(text("SELECT * FROM lead FOR UPDATE"))
            finally:  # else the applier would wait for ever
                stranger.rollback()
            wait_until(lambda: _points(env) == [6], 30, "both visits count")
    other.close()
    assert [line["error"] for line in logs if line["event"] == "service_failed"] == ["OperationalError"]
    assert violations(Observed(env, entered=0)) == []
    with env.database.read() as session:
        assert [row.points for row in session.exec(select(ScoreEntry)).all()] == [3, 3]


def _waits_for_long(database: Database) -> bool:
    """Return whether somebody waits for longer than a chunk of leads does: a lead that is taken alone."""
    waiting = """SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
        AND now() - query_start > interval '0.3 seconds'"""
    with database.engine.connect() as connection:
        return bool(connection.execute(text(waiting)).scalar_one() == 1)


async def test_d10_serialization_failures_are_tried_again_and_count_once(env: Environment, api: Api) -> None:
    """A database whose default isolation is SERIALIZABLE refuses transactions that meet."""
    _configure(env, "default_transaction_isolation = serializable")
    refusals = 0

    async def post(client: Any, number: int) -> Answer:
        nonlocal refusals
        for _ in range(100):
            answer = await client.post("/v1/events", json=visit("taro", f"visit-{number}"))
            if answer.status_code == 202:
                return Answer("accepted", answer.json()["event"], f"visit-{number}")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            refusals += 1
            await asyncio.sleep(0.01)
        raise AssertionError("never taken")

    with capture_logs() as logs:
        async with api(env) as client:
            first = await post(client, 0)
            with applier(env), applier(env):
                others = await asyncio.gather(*(post(client, number) for number in range(1, 25)))
                await asyncio.to_thread(wait_until, lambda: _points(env) == [75], 30, "every visit counts")
    failed = [line for line in logs if line["event"] == "service_failed"]
    assert _points(env) == [75]
    assert refusals + len(failed) > 0  # else nothing met, and this test shows nothing
    assert violations(Observed(env, answers=[first, *others], entered=1)) == []  # hot: to sales


# --- another order --------------------------------------------------------------------------------


def _deeds(message_id: str, lead_id: str) -> list[IncomingEvent]:
    """What one lead did, in the order in which it happened."""

    def at(minutes: int) -> Any:
        return NOW + timedelta(minutes=minutes)

    of_mail: dict[str, Any] = {"lead_id": lead_id, "message_id": message_id, "source": "tracking"}
    return [
        IncomingEvent(
            "identify",
            lead_id=lead_id,
            identity={"job_title": "部長", "consent": True},
            occurred_at=at(4),
            external_id="log-in",
        ),
        IncomingEvent("email_opened", occurred_at=at(5), external_id="opened", **of_mail),
        IncomingEvent("email_clicked", occurred_at=at(6), external_id="clicked", **of_mail),
        IncomingEvent(
            "page_viewed", lead_id=lead_id, properties={"path": "/"}, occurred_at=at(7), external_id="visit"
        ),
        IncomingEvent(
            "form_submitted",
            lead_id=lead_id,
            properties={"form": "contact"},
            identity={"company": "株式会社サンプル"},
            source="form",
            trust="verified",
            occurred_at=at(8),
            external_id="contact",
        ),
        IncomingEvent("unsubscribed", lead_id=lead_id, occurred_at=at(9), external_id="stop"),
    ]


def _final(env: Environment, lead_id: str) -> dict[str, Any]:
    with env.database.read() as session:
        lead = session.get_one(Lead, lead_id)
        message = session.exec(select(Message).where(Message.step_id == "thanks")).one()
        return {
            "lead": (lead.company_name, lead.job_title, lead.stage, lead.last_active_at),
            "score": [(row.model, row.points, row.band) for row in session.exec(select(LeadScore)).all()],
            "ledger": sorted(
                (row.rule_id, row.points, row.at) for row in session.exec(select(ScoreEntry)).all()
            ),
            "mail": (message.status, message.opened_at, message.clicked_at),
            "may mail": _may_mail(session, env, lead),
        }


def _may_mail(session: Session, env: Environment, lead: Lead) -> Any:
    workspace = env.publications.current(session).publication.workspace
    return may_mail(session, env, lead, "nurture", workspace, env.clock.now())


ORDERS = [order for index, order in enumerate(itertools.permutations(range(6))) if index % 103 == 0]
"""Every 103rd of the 720 orders, the true one first; each deed comes first in one of them."""


def test_e11_events_in_any_order_come_to_the_same_state(tmp_path: Path) -> None:
    found = []
    for number, order in enumerate(ORDERS):
        clock = ManualClock()
        folder = tmp_path / str(number)
        folder.mkdir()
        env = make_environment(folder, clock=clock)
        with env.database.write() as session:
            told = ingest(session, env, [form("taro")])[0]
        settle(env)
        with env.database.read() as session:
            message = session.exec(select(Message).where(Message.step_id == "thanks")).one()
        deeds = _deeds(message.id, told.lead_id or "")
        clock.advance(minutes=10)
        for index in order:
            with env.database.write() as session:
                assert ingest(session, env, [deeds[index]])[0].status == "accepted"
            settle(env)
        assert violations(Observed(env)) == []
        found.append(_final(env, told.lead_id or ""))
        env.database.close()
    assert found[0]["score"] == [("engagement", 38, "hot")]
    for order, state in zip(ORDERS, found, strict=True):
        assert state == found[0], order
