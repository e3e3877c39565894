"""Measure how many events `POST /v1/events` takes, with `leadloop serve` as it is.

    python -m bench.ingest_speed [--seconds 10] [--connections 8] [--database sqlite|postgresql|both]
                                 [--full]

The load comes from `wrk`, on the same processors. Requests carry an API key, every event has an id of its
own, and each answer comes after a commit with fsync. Ten thousand people act, known before the clock
starts. At the end the events in the database are counted: fewer than were answered with 202 is a failure,
whatever the speed.

Two loads. *At full speed* each connection asks again as soon as it is answered: that finds the rate, and the
time of an answer is then connections times batch by rate, whatever the server does. *Paced*, each of 16
connections rests 75 to 125 ms between two requests: about 2,500 events/s while answers take 25 ms, and fewer
than 2,000 where they take more than 60. That tells how long an answer takes at the rate of the target.

`--full`: all of it again in a database of ten times as many people, so that it shows whether size matters.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from sqlmodel import func, select, text

from bench.results import Row, record
from leadloop.storage.database import Database
from leadloop.storage.tables import Event
from tests.storage.postgres import fresh_database, postgres_server

ROOT = Path(__file__).parent.parent
PROGRAM = Path(sys.executable).with_name("leadloop")
PEOPLE = 10_000
BATCH = 20
PACED_CONNECTIONS = 16
PACED_REST = (75, 125)
"""Milliseconds: at random, or connections that were answered together would ask together for ever."""

_SCRIPT = """
local number = 0
local run = "{run}"
local function event()
  number = number + 1
  return string.format(
    '{{"type":"page_viewed","email":"person%d@company%d.co.jp","id":"%s-%d",' ..
    '"properties":{{"path":"/pricing","seconds":%d}}}}',
    number % {people}, number % 500, run, number, number % 300)
end
function request()
  local body
  if {batch} == 1 then
    body = event()
  else
    local events = {{}}
    for place = 1, {batch} do events[place] = event() end
    body = "[" .. table.concat(events, ",") .. "]"
  end
  return wrk.format("POST", "/v1/events", {{
    ["Content-Type"] = "application/json", ["Authorization"] = "Bearer {key}"}}, body)
end
{delay}
function done(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %.3f %.3f\\n", summary.requests, summary.errors.status,
    summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


class Result(NamedTuple):
    """What wrk saw: answers, those that were no 2xx or 3xx, seconds, milliseconds."""

    requests: int
    refused: int
    seconds: float
    p50: float
    p99: float


class Server(NamedTuple):
    """A running `leadloop serve`."""

    url: str
    key: str
    database_url: str
    process_id: int


@contextmanager
def serving(database_url: str, folder: Path) -> Iterator[Server]:
    """Run the web server on a database with the shipped workspace while the block runs."""
    environment = os.environ | {  # noqa: TID251
        "LEADLOOP_DATABASE_URL": database_url, "LEADLOOP_STATE": str(folder / "state"),
        "LEADLOOP_SECRET": "only for this bench, 32 letters..", "LEADLOOP_INBOX_LIMIT": "100000000",
    }  # fmt: skip

    def run(*words: str) -> str:
        done = subprocess.run([PROGRAM, *words], env=environment, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"leadloop {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    run("db", "upgrade")
    run("publish", "-w", str(ROOT))
    key = run("key", "create", "bench", "--scope", "ingest")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [PROGRAM, "serve", "--port", str(port)], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            if "serving" not in process.stdout.readline():
                sys.exit("leadloop serve did not start")
            yield Server(f"http://127.0.0.1:{port}", key, database_url, process.pid)
        finally:
            process.terminate()


def meet_people(server: Server, people: int) -> None:
    """Make the people's leads, so that the clock sees known ones."""
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx.Client(timeout=60) as client:
        for first in range(0, people, 1000):
            items = [
                {"type": "identify", "email": f"person{number}@company{number % 500}.co.jp"}
                for number in range(first, first + 1000)
            ]
            client.post(f"{server.url}/v1/events", json=items, headers=headers).raise_for_status()


def load(
    server: Server,
    batch: int,
    seconds: int,
    connections: int,
    folder: Path,
    people: int,
    *,
    paced: bool = False,
) -> Result:
    """Let wrk post for some seconds."""
    delay = "function delay() return math.random({}, {}) end".format(*PACED_REST) if paced else ""
    script = folder / "load.lua"
    script.write_text(
        _SCRIPT.format(
            run=f"{batch}-{time.time_ns()}", people=people, batch=batch, key=server.key, delay=delay
        )
    )
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", script, server.url],
        capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)", done.stdout)
    if found is None:
        sys.exit(f"wrk failed:\n{done.stdout}{done.stderr}")
    requests, refused, micros = (int(found[place]) for place in (1, 2, 3))
    return Result(requests, refused, micros / 1e6, float(found[4]), float(found[5]))


def processor_seconds(process_id: int) -> float:
    """Return how long the server has computed (Linux)."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stored(database_url: str) -> int:
    """Return how many events the database has."""
    database = Database(database_url)
    with database.read() as session:
        count = session.exec(select(func.count()).select_from(Event)).one()
    database.close()
    return count


def check_fsync(database_url: str) -> None:
    """Stop where a PostgreSQL would answer before the disk has the events."""
    database = Database(database_url)
    with database.read() as session:
        found = {
            name: session.connection().execute(text(f"SHOW {name}")).scalar_one()
            for name in ("fsync", "synchronous_commit")
        }
    database.close()
    print("  PostgreSQL: " + ", ".join(f"{name} {value}" for name, value in found.items()))
    if set(found.values()) != {"on"}:
        sys.exit("the PostgreSQL of TEST_DATABASE_URL does not wait for its disk; nothing was measured")


def measure(name: str, database_url: str, seconds: int, connections: int, people: int) -> list[Row]:
    """Measure one database: batches at full speed, batches at the target's rate, one event a request."""
    folder = Path(tempfile.mkdtemp(prefix="leadloop-bench-"))
    rows = []
    try:
        with serving(database_url or f"sqlite:///{folder / 'leadloop.db'}", folder) as server:
            if database_url:
                check_fsync(database_url)
            meet_people(server, people)
            load(server, BATCH, 2, connections, folder, people)
            for label, batch, many, paced in (
                (f"batches of {BATCH}", BATCH, connections, False),
                (f"batches of {BATCH}, paced", BATCH, PACED_CONNECTIONS, True),
                ("one event a request", 1, connections, False),
            ):
                before, computed = stored(server.database_url), processor_seconds(server.process_id)
                found = load(server, batch, seconds, many, folder, people, paced=paced)
                computed = processor_seconds(server.process_id) - computed
                accepted = (found.requests - found.refused) * batch
                if stored(server.database_url) - before < accepted:
                    sys.exit(f"{name}: events that were answered with 202 are not in the database")
                rate, has_target = accepted / found.seconds, batch == BATCH
                title = f"ingest, {label}, {name}" + (f", {people:,} people" if people != PEOPLE else "")
                rows.append(record(title, rate, "events/s", at_least=2000 if has_target else None))
                rows.append(record(f"{title}, p99", found.p99, "ms", at_most=50 if has_target else None))
                each = computed / max(1, accepted) * 1e6
                print(
                    f"  p50 {found.p50:.1f} ms, {found.refused} refused, {many} connections, "
                    f"{each:.0f} µs of the server's processor time for an event"
                )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows


def main() -> int:
    """Measure, print, write rows; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--full", action="store_true", help=f"also with {10 * PEOPLE:,} people")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        print("ingest: there is no wrk on the PATH (Debian: apt-get install wrk); nothing was measured")
        return 1
    rows: list[Row] = []
    seconds, connections = arguments.seconds, arguments.connections
    for people in (PEOPLE, 10 * PEOPLE) if arguments.full else (PEOPLE,):
        if arguments.database in ("sqlite", "both"):
            rows += measure("SQLite", "", seconds, connections, people)
        if arguments.database in ("postgresql", "both"):
            with postgres_server(fsync=True) as address, fresh_database(address) as url:
                rows += measure("PostgreSQL", url, seconds, connections, people)
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
