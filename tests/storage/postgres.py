"""A real PostgreSQL for tests: `TEST_DATABASE_URL`, else the system's binaries in a folder of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url

from leadloop.embedded.processes import free_port
from leadloop.storage.database import Database

_DRIVER = "postgresql+psycopg"


class PostgresMissingError(Exception):
    """No PostgreSQL to test with; the text says why."""


@contextmanager
def postgres_server(*, fsync: bool = False) -> Iterator[str]:
    """Run a server while the block runs; yield the address of its maintenance database.

    Without `fsync` it forgets when the machine stops, which tests do not mind.

    Raises `PostgresMissingError`.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise PostgresMissingError("no TEST_DATABASE_URL and no PostgreSQL under /usr/lib/postgresql")
    folder = Path(tempfile.mkdtemp(prefix="leadloop-pg-"))
    user = _server_user()
    if user is not None:
        shutil.chown(folder, user)
    port = free_port()
    control = str(programs[-1] / "pg_ctl")
    data = str(folder / "data")
    try:
        _run(user, [str(programs[-1] / "initdb"), "-D", data, "-U", "leadloop", "-A", "trust", "-E", "UTF8"])
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        options += " -c max_connections=300"
        if not fsync:
            options += " -c fsync=off -c full_page_writes=off"
        _run(user, [control, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"])
        try:
            yield f"{_DRIVER}://leadloop@127.0.0.1:{port}/postgres"
        finally:
            _run(user, [control, "-D", data, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """Make an empty database on the server; yield its address, and drop it at the end."""
    name = f"leadloop_{uuid.uuid4().hex[:12]}"
    _administer(server, f'CREATE DATABASE "{name}"')
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _administer(server: str, statement: str) -> None:
    database = Database(server)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    database.close()


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root: name somebody else to run it."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    found = next((name for name in ("postgres", "nobody") if name in names), None)
    if found is None:
        raise PostgresMissingError("PostgreSQL does not run as root, and there is nobody else")
    return found


def _run(user: str | None, command: Sequence[str]) -> None:
    done = subprocess.run(
        command, user=user, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True
    )
    if done.returncode:
        raise PostgresMissingError(f"{Path(command[0]).name} failed: {done.stdout[-500:]}")
