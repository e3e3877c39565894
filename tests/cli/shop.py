"""A workspace and its database as a marketer has them: files to edit, and commands to run on both."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from leadloop.cli.main import app
from leadloop.clock import RealClock
from leadloop.keys import Keys
from leadloop.storage.environment import Environment
from leadloop.storage.publications import PublicationStore
from leadloop.storage.tables import Lead
from tests.databases import address_in, open_database
from tests.factories import SECRET, make_enrolment, make_lead
from tests.language.workspaces import Files, write

_runner = CliRunner()


@dataclass
class Shop:
    """The small workspace of the compiler's tests, and a state folder."""

    folder: Path
    state: Path

    def call(self, *words: str, text: str | None = None) -> Result:
        """Run a command; `text` is what the person types."""
        command, *rest = words
        arguments = [command, "--state", str(self.state), *rest]
        if command != "scenarios":
            arguments += ["-w", str(self.folder)]
        return _runner.invoke(app, arguments, input=text)

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command; return its standard output."""
        result = self.call(*words)
        assert result.exit_code == code, result.output
        return result.stdout

    def document(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Run a command with `--json`."""
        found: dict[str, Any] = json.loads(self.run(*words, "--json", code=code))
        return found

    def edit(self, *files: Mapping[str, str | bytes | None]) -> None:
        """Write the workspace with some files replaced; the others go back to how they began."""
        changed: Files = {}
        for one in files:
            changed |= one
        write(self.folder, changed)

    @contextmanager
    def environment(self) -> Iterator[Environment]:
        """Open the database."""
        database = open_database(self.state)
        try:
            yield Environment(database, RealClock(), Keys(SECRET), PublicationStore(database))
        finally:
            database.close()

    def people(self, number: int, step: str, **values: Any) -> None:
        """Put so many people on a step of the live version of `welcome`."""
        with self.environment() as env, env.database.write() as session:
            live = env.publications.current(session).id
            for _ in range(number):
                lead = make_lead(session, env)
                state = {"step": step, "phase": "waiting"}
                make_enrolment(session, live, lead, "welcome", state=state, subject_key=lead.id, **values)

    def leads(self, number: int, **values: Any) -> list[Lead]:
        """Add so many leads."""
        with self.environment() as env, env.database.write() as session:
            return [make_lead(session, env, **values) for _ in range(number)]


def open_shop(folder: Path, monkeypatch: Any) -> Shop:
    """Return a workspace whose database has the schema, and nothing in it."""
    shop = Shop(write(folder / "workspace"), folder / "state")
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", address_in(shop.state))
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())
    return shop
