"""Disks that are full, fail, or lose power (D1, D2, D3, D5)."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from leadloop.embedded.temporal_server import ServerMissingError
from leadloop.inbox.monitoring.alerts import open_alerts, watch
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event
from tests.factories import ManualClock
from tests.faults.checker import Answer, Observed, violations
from tests.faults.conftest import Api, published, running_engine
from tests.faults.disks import small_disk
from tests.faults.events import visit
from tests.faults.server import TemporalServer
from tests.faults.strace import syncs, traced
from tests.faults.world import all_wait, enter, finish, observe
from tests.inbox.driver import settle
from tests.kill.engine import Engine, wait_until

REFUSED = (503, "5")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database, a mail server and a place for web servers; nothing here asks Temporal."""
    with running_engine(tmp_path, "127.0.0.1:1") as engine:
        yield engine


def _integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as database:
        return str(database.execute("PRAGMA integrity_check").fetchone()[0])


def _large(number: int) -> dict[str, Any]:
    """Return an event of about 4 kB, each of another lead."""
    body = visit(f"hito{number}", f"visit-{number}")
    return {**body, "properties": {"path": "/" + "a" * 4000}}


# --- D1 -------------------------------------------------------------------------------------------


async def test_d1_full_database_answers_503_and_works_again_with_room(
    tmp_path: Path, clock: ManualClock, api: Api
) -> None:
    """SQLite's page limit stands in for the disk: the same error, in the same place."""
    env = published(f"sqlite:///{tmp_path / 'leadloop.db'}", clock)
    _limit_pages(env, 8)
    told: list[Answer] = []
    refused = []
    async with api(env) as client:
        for number in range(16):
            answer = await client.post("/v1/events", json=_large(number))
            if answer.status_code == 202:
                told.append(Answer("accepted", answer.json()["event"], f"visit-{number}"))
            else:
                assert (answer.status_code, answer.headers["retry-after"]) == REFUSED
                refused.append(number)
        assert told
        assert refused
        _limit_pages(env, 10_000)
        for number in refused:
            answer = await client.post("/v1/events", json=_large(number))
            assert (answer.status_code, answer.json()["duplicate"]) == (202, False)
            told.append(Answer("accepted", answer.json()["event"], f"visit-{number}"))
    settle(env)
    assert violations(Observed(env, answers=told, entered=0)) == []
    env.database.close()
    assert _integrity(tmp_path / "leadloop.db") == "ok"


def _limit_pages(env: Environment, more: int) -> None:
    """Let the database grow by so many pages: the one connection that writes keeps the limit."""
    with env.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + more}")


def _fill(disk: Path) -> Path:
    """Write a file until nothing more fits; return it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return ballast


@pytest.mark.fault
def test_d1_full_disk_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", 16) as disk,
        running_engine(tmp_path, "127.0.0.1:1", f"sqlite:///{disk / 'leadloop.db'}") as engine,
    ):
        _, url = engine.start_web()
        told: list[Answer] = []
        refused: list[int] = []
        _post(url, range(5), told, refused)
        assert len(told) == 5
        ballast = _fill(disk)
        assert ballast.stat().st_size > 4_000_000  # so much room there will be again
        _post(url, range(5, 1000), told, refused, most=5)
        assert refused
        ballast.unlink()
        left = list(refused)
        refused.clear()
        _post(url, left, told, refused)
        assert refused == []
        settle(engine.env)
        assert violations(Observed(engine.env, answers=told, entered=0)) == []
        assert _integrity(disk / "leadloop.db") == "ok"


def _post(url: str, numbers: Iterable[int], told: list[Answer], refused: list[int], most: int = 1000) -> None:
    """Post one event for each number, until `most` were refused."""
    for number in numbers:
        if len(refused) >= most:
            return
        answer = httpx.post(f"{url}/v1/events", json=_large(number), timeout=60)
        if answer.status_code == 202:
            told.append(Answer("accepted", answer.json()["event"], f"visit-{number}"))
        else:
            assert (answer.status_code, answer.headers["retry-after"]) == REFUSED
            refused.append(number)


# --- D2 -------------------------------------------------------------------------------------------


@pytest.mark.fault
def test_d2_full_disk_of_temporal_stops_journeys_and_loses_nothing(tmp_path: Path) -> None:
    names = [f"hito{number}" for number in range(20)]
    with small_disk(tmp_path / "disk", 12) as disk:
        try:
            server = TemporalServer(disk)
        except ServerMissingError as error:
            pytest.skip(str(error))
        try:
            with running_engine(tmp_path, server.address) as engine:
                engine.start_worker()
                told = enter(engine, names[:2])
                wait_until(lambda: all_wait(engine, 2), 60, engine.log())
                ballast = _fill(disk)
                told += enter(engine, names[2:])
                time.sleep(10)
                assert not all_wait(engine, len(names)), "the disk was not full"
                assert "wakes_late" in _alerts_after(engine.env, minutes=11)
                ballast.unlink()
                if not server.is_running:
                    server.start()
                told += finish(engine, len(names), 300)
                assert violations(observe(engine, told, len(names))) == []
        finally:
            server.kill()


def _alerts_after(env: Environment, minutes: int) -> set[str]:
    """Return the alerts that are open when so much more time has passed."""
    later = ManualClock(env.clock.now() + timedelta(minutes=minutes))
    watch(replace(env, clock=later))
    with env.database.read() as session:
        return {one.kind for one in open_alerts(session)}


# --- D3 -------------------------------------------------------------------------------------------


@pytest.mark.sqlite  # it looks at the file
def test_d3_failing_fsync_is_no_202(engine: Engine, tmp_path: Path) -> None:
    web, url = engine.start_web()
    first = httpx.post(f"{url}/v1/events", json=visit("taro", "before"), timeout=60)
    log = tmp_path / "strace.txt"
    with traced(web.pid, log, "-e", "inject=fsync,fdatasync:error=EIO"):
        refused = httpx.post(f"{url}/v1/events", json=visit("taro", "while"), timeout=60)
    assert syncs(log, "-1 EIO") > 0  # else nothing failed, and this test shows nothing
    again = httpx.post(f"{url}/v1/events", json=visit("taro", "while"), timeout=60)
    assert (first.status_code, again.status_code) == (202, 202)
    assert (refused.status_code, refused.headers["retry-after"]) == REFUSED
    assert "database_away" in (tmp_path / "web.log").read_text()
    settle(engine.env)
    told = [Answer("accepted", one.json()["event"]) for one in (first, again)]
    assert violations(Observed(engine.env, answers=told, entered=0)) == []


# --- D5 -------------------------------------------------------------------------------------------


@pytest.mark.sqlite  # it looks at the file
def test_d5_every_acknowledged_event_was_flushed_to_the_disk(engine: Engine, tmp_path: Path) -> None:
    """One after the other, so that no two events can share a flush."""
    web, url = engine.start_web()
    httpx.post(f"{url}/v1/events", json=visit("taro", "first"), timeout=60)
    log = tmp_path / "strace.txt"
    with traced(web.pid, log):
        for number in range(10):
            answer = httpx.post(f"{url}/v1/events", json=visit("taro", f"visit-{number}"), timeout=60)
            assert answer.status_code == 202
    assert syncs(log) >= 10


@pytest.mark.sqlite  # it looks at the file
def test_d5_database_copied_at_random_moments_has_what_was_acknowledged(
    engine: Engine, tmp_path: Path
) -> None:
    """The web server stands still while its files are copied, as a machine does that loses power."""
    web, url = engine.start_web()
    told: list[str] = []
    stop = threading.Event()

    def post(name: str) -> None:
        with httpx.Client(timeout=120) as client:
            number = 0
            while not stop.is_set():
                answer = client.post(f"{url}/v1/events", json=visit(name, f"{name}-{number}"))
                assert answer.status_code == 202
                told.append(answer.json()["event"])
                number += 1

    threads = [threading.Thread(target=post, args=(name,)) for name in ("taro", "jiro", "hanako")]
    for thread in threads:
        thread.start()
    moments = random.Random(7)
    copies: list[tuple[Path, list[str]]] = []
    for number in range(6):
        wait_until(lambda: len(told) > 3 * (len(copies) + 1), 60, "events come")
        time.sleep(moments.uniform(0, 0.05))
        web.send_signal(signal.SIGSTOP)
        _wait_until_stopped(web.pid)
        acknowledged = list(told)
        folder = tmp_path / f"copy{number}"
        folder.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(tmp_path / f"leadloop.db{suffix}", folder / f"leadloop.db{suffix}")
        web.send_signal(signal.SIGCONT)
        copies.append((folder / "leadloop.db", acknowledged))
    stop.set()
    for thread in threads:
        thread.join()
    for path, acknowledged in copies:
        assert acknowledged
        with closing(sqlite3.connect(path)) as database:
            stored = {row[0] for row in database.execute("SELECT id FROM event").fetchall()}
        assert set(acknowledged) <= stored
        assert _integrity(path) == "ok"
    with engine.env.database.read() as session:
        assert set(told) <= set(session.exec(select(Event.id)).all())


def _wait_until_stopped(pid: int) -> None:
    waited, status = os.waitpid(pid, os.WUNTRACED)
    assert waited == pid
    assert os.WIFSTOPPED(status)
