"""A database that is locked, gone, read-only, of another version, or damaged (D4, D9)."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from leadloop.cli.failures import explain
from leadloop.storage import database as storage
from leadloop.storage.database import Database, DatabaseAwayError
from leadloop.storage.environment import Environment
from leadloop.storage.fair_lock import FairLock, LockTimeoutError
from leadloop.storage.tables import Event
from tests.factories import SECRET, ManualClock, make_lead
from tests.faults.checker import Answer, Observed, violations
from tests.faults.conftest import Api, published
from tests.faults.disks import small_disk
from tests.faults.events import visit
from tests.inbox.driver import settle

ROOT = Path(__file__).parents[2]
BUSY_SECONDS = 0.5


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Environment:  # type: ignore[misc]
    """A database that gives up waiting after half a second."""
    monkeypatch.setattr(storage, "_BUSY_SECONDS", BUSY_SECONDS)
    env = published(f"sqlite:///{tmp_path / 'leadloop.db'}", clock)
    yield env
    env.database.close()


async def test_d4_locked_database_answers_503_and_takes_the_event_later(
    env: Environment, api: Api, tmp_path: Path
) -> None:
    async with api(env) as client:
        with closing(sqlite3.connect(tmp_path / "leadloop.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = await asyncio.gather(
                *(client.post("/v1/events", json=visit("taro", f"visit-{number}")) for number in range(3))
            )
            other.execute("ROLLBACK")
        taken = [
            await client.post("/v1/events", json=visit("taro", f"visit-{number}")) for number in range(3)
        ]
    assert [one.status_code for one in refused] == [503, 503, 503]
    for one in refused:
        assert int(one.headers["retry-after"]) > 0
        assert one.headers["content-type"] == "application/problem+json"
        assert "send it again" in one.json()["detail"]
    assert [(one.status_code, one.json()["duplicate"]) for one in taken] == [(202, False)] * 3
    settle(env)
    answers = [Answer("accepted", one.json()["event"], f"visit-{n}") for n, one in enumerate(taken)]
    assert violations(Observed(env, answers=answers, entered=0)) == []


def test_d4_writers_of_one_process_do_not_wait_for_ever() -> None:
    """Those who queue behind a writer that the database keeps waiting give up too."""
    lock = FairLock(0.2)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            done.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    with pytest.raises(LockTimeoutError), lock:
        raise AssertionError("the lock was not free")
    done.set()
    holder.join()
    with lock:  # whoever gave up left no gap in the queue
        pass


async def test_d9_database_deleted_while_in_use_takes_nothing(
    env: Environment, api: Api, tmp_path: Path
) -> None:
    async with api(env) as client:
        first = await client.post("/v1/events", json=visit("taro", "before"))
        (tmp_path / "leadloop.db").rename(tmp_path / "away.db")
        refused = await client.post("/v1/events", json=visit("taro", "after"))
        created = (tmp_path / "leadloop.db").exists()
        shutil.copy(tmp_path / "away.db", tmp_path / "leadloop.db")
        replaced = await client.post("/v1/events", json=visit("taro", "after"))
        (tmp_path / "away.db").rename(tmp_path / "leadloop.db")
        back = await client.post("/v1/events", json=visit("taro", "after"))
    assert [one.status_code for one in (first, refused, replaced, back)] == [202, 503, 503, 202]
    assert not created
    with env.database.read() as session:
        assert len(session.exec(select(Event).where(Event.type == "page_viewed")).all()) == 2


def test_d9_message_of_a_deleted_database_names_the_file(env: Environment, tmp_path: Path) -> None:
    with env.database.read():
        pass
    (tmp_path / "leadloop.db").unlink()
    with (
        pytest.raises(DatabaseAwayError, match=r"leadloop\.db was deleted while it was in use"),
        env.database.write(),
    ):
        pass


PROGRAM = str(Path(sys.executable).with_name("leadloop"))
COMMANDS = ([PROGRAM, "status"], [PROGRAM, "doctor"], [sys.executable, "worker.py"])


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command on the database of a folder, named by its address."""
    variables = {
        "PATH": os.environ["PATH"],
        "LEADLOOP_DATABASE_URL": f"sqlite:///{folder / 'leadloop.db'}",
        "LEADLOOP_STATE": str(folder),
        "LEADLOOP_SECRET": SECRET.decode(),
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def _problem(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a failed command said: one line or two, no traceback."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
    return done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1])
def test_d9_database_that_is_not_there_is_not_made(command: list[str], tmp_path: Path) -> None:
    said = _problem(_run(command, tmp_path))
    assert "leadloop.db" in said
    assert "leadloop db upgrade" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1])
def test_d9_database_of_a_newer_version_is_left_alone(
    env: Environment, command: list[str], tmp_path: Path
) -> None:
    env.database.close()
    with closing(sqlite3.connect(tmp_path / "leadloop.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "9999" in _problem(_run(command, tmp_path))
    with closing(sqlite3.connect(tmp_path / "leadloop.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1])
def test_d9_damaged_database_is_reported(env: Environment, command: list[str], tmp_path: Path) -> None:
    with env.database.write() as session:
        for _ in range(200):
            make_lead(session, env)
    env.database.close()
    path = tmp_path / "leadloop.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = path.stat().st_size // 4096
    with path.open("r+b") as file:  # every page but the first, which holds the schema's root
        for page in range(1, pages):
            file.seek(page * 4096)
            file.write(b"\xff" * 64)
    said = _problem(_run(command, tmp_path))
    assert "damaged" in said
    assert "restore a backup" in said


def test_d9_file_that_is_no_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "leadloop.db").write_bytes(b"something else" * 1000)
    assert "file is not a database" in _problem(_run(COMMANDS[0], tmp_path))
    assert (tmp_path / "leadloop.db").read_bytes() == b"something else" * 1000


@pytest.mark.fault
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1])
def test_d9_read_only_disk_is_reported(command: list[str], tmp_path: Path, clock: ManualClock) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, 32):
        published(f"sqlite:///{disk / 'leadloop.db'}", clock).database.close()
        before = sorted(path.name for path in disk.iterdir())
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        said = _problem(_run(command, disk))
        assert sorted(path.name for path in disk.iterdir()) == before
    assert "cannot be written" in said
    assert "write access" in said


def test_d9_read_only_database_is_explained(env: Environment, tmp_path: Path) -> None:
    read_only = Database(f"sqlite:///file:{tmp_path / 'leadloop.db'}?mode=ro&uri=true")
    with pytest.raises(OperationalError) as failed, read_only.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE lead SET stage = 'x'")
    read_only.close()
    said = explain(failed.value)
    assert said is not None
    assert "write access" in said


async def test_d9_read_only_database_answers_503(env: Environment, api: Api) -> None:
    """SQLite's own switch stands in for the file's mode, which does not hold for root."""
    with env.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    async with api(env) as client:
        answer = await client.post("/v1/events", json=visit("taro", "visit"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
