"""Temporal killed, unreachable, or silent (P3, N1, N2). Events are taken all the while."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import col, func, select

from leadloop.connection import ConnectionFailedError, connect
from leadloop.embedded.temporal_server import ServerMissingError
from leadloop.inbox.applier import apply_once
from leadloop.inbox.ingestion.ingest import ingest
from leadloop.inbox.relaying import relay as relays
from leadloop.inbox.relaying.pace import Pace
from leadloop.inbox.relaying.relay import Relay
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Wake
from tests.faults.checker import Answer, violations
from tests.faults.conftest import running_engine
from tests.faults.events import form
from tests.faults.proxy import Proxy
from tests.faults.server import TemporalServer
from tests.faults.world import CANARY, all_wait, enter, finish, journeys, observe
from tests.kill.engine import Engine, wait_until

LEADS = [f"hito{number}" for number in range(4)]


def _wakes(engine: Engine) -> int:
    with engine.env.database.read() as session:
        return session.exec(select(func.count()).select_from(Wake)).one()


class Site:
    """A website whose visitors go on while something is broken: posts events, keeps the answers."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._count = 0
        self.answers: list[Answer] = []
        self.order: dict[str, list[str]] = defaultdict(list)
        """Lead -> ids of its events in the order in which they were acknowledged."""

    def visit(self, name: str) -> None:
        """Post one event that gives no points. Fails where it is not answered with 202."""
        self._count += 1
        event_id = f"opened-{self._count}"
        body = {"type": "email_opened", "email": f"{name}@kaisha.example", "id": event_id}
        answer = httpx.post(f"{self._url}/v1/events", json=body, timeout=30)
        assert answer.status_code == 202, answer.text
        told = answer.json()
        self.answers.append(Answer("accepted", told["event"], event_id))
        self.order[told["lead"]].append(told["event"])

    def assert_order_kept(self, engine: Engine) -> None:
        """Compare what each lead did with the order in which it was applied."""
        with engine.env.database.read() as session:
            rows = session.exec(
                select(Event.subject_id, Event.id)
                .where(Event.type == "email_opened")
                .order_by(col(Event.subject_id), col(Event.lead_seq))
            ).all()
        applied: dict[str, list[str]] = defaultdict(list)
        for lead_id, event_id in rows:
            applied[lead_id].append(event_id)
        assert self.order, "nobody did anything"
        assert applied == self.order


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TemporalServer]:
    """A server of its own: the test breaks it."""
    try:
        server = TemporalServer(tmp_path)
    except ServerMissingError as error:
        pytest.skip(str(error))
    yield server
    server.kill()


# --- P3 -------------------------------------------------------------------------------------------


def _kill_again_and_again(tmp_path: Path, server: TemporalServer, kills: int) -> None:
    with running_engine(tmp_path, server.address) as engine:
        _, url = engine.start_web()
        site = Site(url)
        worker = engine.start_worker()
        told = enter(engine, ["first"])
        wait_until(lambda: all_wait(engine, 1), 60, engine.log())
        for kill in range(kills):
            told += enter(engine, [f"hito{kill}"])
            server.kill()
            site.visit(f"hito{kill}")
            site.visit("first")
            server.start()
            site.visit(f"hito{kill}")
            wait_until(lambda: all_wait(engine, len(journeys(engine))), 90, engine.log())
        told += finish(engine, kills + 1)
        assert worker.poll() is None  # no worker had to be started again
        assert violations(observe(engine, [*told, *site.answers], kills + 1)) == []
        site.assert_order_kept(engine)


def test_p3_temporal_killed_while_events_come_loses_nothing(tmp_path: Path, server: TemporalServer) -> None:
    _kill_again_and_again(tmp_path, server, 2)


@pytest.mark.fault
def test_p3_temporal_killed_fifty_times_loses_nothing(tmp_path: Path, server: TemporalServer) -> None:
    _kill_again_and_again(tmp_path, server, 50)


# --- N1, N2 ---------------------------------------------------------------------------------------


@pytest.fixture
def proxied(tmp_path: Path, temporal: str) -> Iterator[tuple[Engine, Proxy]]:
    """An engine whose way to Temporal goes through the proxy."""
    proxy = Proxy(int(temporal.rpartition(":")[2]))
    with running_engine(tmp_path, temporal) as engine:
        engine.variables["TEMPORAL_ADDRESS"] = f"127.0.0.1:{proxy.port}"
        yield engine, proxy
    proxy.close()


def _outage(engine: Engine, proxy: Proxy, temporal: str, seconds: float, *, silent: bool) -> int:
    """Let people go on while Temporal is away; return by how much the worker's threads grew."""
    _, url = engine.start_web()
    site = Site(url)
    worker = engine.start_worker()
    told = enter(engine, LEADS[:2])
    wait_until(lambda: all_wait(engine, 2), 60, engine.log())
    before = _threads(worker.pid)
    (proxy.stall if silent else proxy.cut)()
    told += enter(engine, LEADS[2:])
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for name in LEADS:
            site.visit(name)
        time.sleep(0.2)
    wait_until(lambda: _wakes(engine) >= 2, 30, "the backlog grows")
    grown = _threads(worker.pid) - before
    proxy.heal()
    told += finish(engine, len(LEADS))
    wait_until(lambda: _wakes(engine) == 0, 60, "the backlog drains")
    assert worker.poll() is None
    engine.variables["TEMPORAL_ADDRESS"] = temporal
    assert violations(observe(engine, [*told, *site.answers], len(journeys(engine)))) == []
    site.assert_order_kept(engine)
    return grown


def _threads(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("counts threads by /proc")
    return int(status.read_text().partition("Threads:")[2].split()[0])


def test_n1_temporal_unreachable_keeps_events_and_drains_in_order(
    proxied: tuple[Engine, Proxy], temporal: str
) -> None:
    _outage(*proxied, temporal, 2, silent=False)


@pytest.mark.fault
def test_n1_temporal_unreachable_for_a_minute_keeps_events_and_drains_in_order(
    proxied: tuple[Engine, Proxy], temporal: str
) -> None:
    _outage(*proxied, temporal, 60, silent=False)


@pytest.mark.fault
def test_n2_silent_temporal_for_a_minute_piles_up_no_threads(
    proxied: tuple[Engine, Proxy], temporal: str
) -> None:
    assert _outage(*proxied, temporal, 60, silent=True) <= 8


async def test_n2_relay_gives_a_silent_service_up_and_keeps_the_wakes(
    env: Environment, temporal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call's time for the whole round, not one for each journey."""
    limit = timedelta(seconds=1)
    monkeypatch.setattr(relays, "_CALL_LIMIT", limit)
    with env.database.write() as session:
        ingest(session, env, [form(f"hito{number}", CANARY) for number in range(40)])
    await asyncio.to_thread(apply_once, env)
    proxy = Proxy(int(temporal.rpartition(":")[2]))
    client = await connect(f"127.0.0.1:{proxy.port}")
    relay = Relay(env, client, "acme", pace=Pace(at_once=2))
    proxy.stall()
    calls = 0
    original = relay._start

    async def counted(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        await original(*arguments)

    monkeypatch.setattr(relay, "_start", counted)
    assert await asyncio.wait_for(relay.run_once(), 60) == 0
    assert calls == 2
    with env.database.read() as session:
        assert session.exec(select(func.count()).select_from(Wake)).one() == 40
    proxy.close()


async def test_n2_connecting_to_a_silent_service_ends_with_an_error(
    temporal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadloop.connection._CONNECT_SECONDS", 1.0)
    proxy = Proxy(int(temporal.rpartition(":")[2]))
    proxy.stall()
    with pytest.raises(ConnectionFailedError, match="no Temporal service"):
        await asyncio.wait_for(connect(f"127.0.0.1:{proxy.port}"), 60)
    proxy.close()
