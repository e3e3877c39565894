"""PostgreSQL cut off and back, silent, or failing over (N9)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from leadloop.storage import database as storage
from leadloop.storage.database import Database
from tests.faults.checker import Answer, violations
from tests.faults.conftest import running_engine
from tests.faults.proxy import Proxy
from tests.faults.world import all_wait, enter, finish, observe
from tests.kill.engine import Engine, wait_until
from tests.storage.postgres import fresh_database

REFUSED = (503, "5")


@pytest.fixture
def cut_off(tmp_path: Path, temporal: str, postgres: str) -> Iterator[tuple[Engine, Proxy]]:
    """An engine on PostgreSQL; its workers and web servers reach the database through the proxy."""
    with fresh_database(postgres) as url:
        address = make_url(url)
        proxy = Proxy(address.port or 5432)
        with running_engine(tmp_path, temporal, url) as engine:
            through = address.set(host="127.0.0.1", port=proxy.port)
            engine.variables["LEADLOOP_DATABASE_URL"] = through.render_as_string(hide_password=False)
            yield engine, proxy
        proxy.close()


class Client(threading.Thread):
    """Posts events that give no points, one after the other; an event that was refused is sent again."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.stop = threading.Event()
        self.told: list[Answer] = []
        self.refused = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        number = 0
        while not self.stop.is_set():
            event_id = f"opened-{number}"
            body = {"type": "email_opened", "email": "first@kaisha.example", "id": event_id}
            answer = httpx.post(f"{self._url}/v1/events", json=body, timeout=60)
            if answer.status_code == 202:
                self.told.append(Answer("accepted", answer.json()["event"], event_id))
                number += 1
            elif (answer.status_code, answer.headers.get("retry-after")) == REFUSED:
                self.refused += 1
            else:
                self.wrong.append(f"{answer.status_code} {answer.text[:200]}")
                return
            time.sleep(0.05)


def _cut(engine: Engine, proxy: Proxy, seconds: float) -> None:
    names = [f"hito{number}" for number in range(3)]
    _, url = engine.start_web()
    worker = engine.start_worker()
    told = enter(engine, ["first"])
    wait_until(lambda: all_wait(engine, 1), 60, engine.log())
    client = Client(url)
    client.start()
    wait_until(lambda: len(client.told) > 3, 30, "events are taken")
    proxy.cut()
    told += enter(engine, names)  # written past the proxy: work that waits
    time.sleep(seconds)
    wait_until(lambda: client.refused > 0 or bool(client.wrong), 60, "events are refused")
    taken = len(client.told)
    proxy.heal()
    wait_until(lambda: len(client.told) > taken + 3 or bool(client.wrong), 60, "events are taken again")
    _fail_over(engine)
    taken = len(client.told)
    wait_until(lambda: len(client.told) > taken + 3 or bool(client.wrong), 60, "events are taken after it")
    client.stop.set()
    client.join(90)
    assert client.wrong == []
    told += finish(engine, len(names) + 1)
    assert worker.poll() is None
    assert violations(observe(engine, [*told, *client.told], len(names) + 1)) == []


def _fail_over(engine: Engine) -> None:
    """End every connection at the server's side, as a failover does."""
    with engine.env.database.engine.connect() as connection:
        ended = connection.execute(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        ).scalar_one()
    assert ended > 0


def test_n9_postgresql_cut_and_failed_over_loses_and_doubles_nothing(cut_off: tuple[Engine, Proxy]) -> None:
    _cut(*cut_off, seconds=1)


@pytest.mark.fault
def test_n9_postgresql_cut_for_half_a_minute_loses_and_doubles_nothing(
    cut_off: tuple[Engine, Proxy],
) -> None:
    _cut(*cut_off, seconds=30)


def test_n9_silent_postgresql_is_given_up(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the connection and says nothing would hold a thread for ever."""
    monkeypatch.setitem(storage._POSTGRES, "connect_timeout", 2)
    address = make_url(postgres)
    proxy = Proxy(address.port or 5432)
    proxy.stall()
    database = Database(address.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False))
    with pytest.raises(OperationalError, match="timeout"), database.read() as session:
        session.connection()
    database.close()
    proxy.close()
