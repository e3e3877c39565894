"""An empty database with the workspace published, leads in it, and journeys that wait."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlmodel import Session, col, func, select

from leadloop.clock import RealClock
from leadloop.contracts import TurnRequest
from leadloop.inbox.applier import apply_once
from leadloop.inbox.entries.enrolling import enrol_leads
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.inbox.turns.turn import take_turn
from leadloop.keys import Keys
from leadloop.language.compiler import compile_workspace
from leadloop.leads.identity import NewLead, create_leads, email_hash
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import upgrade
from leadloop.storage.publications import PublicationStore, publish
from leadloop.storage.tables import ArmedWait, Enrolment

WORKSPACE = Path(__file__).parent / "workspace"
WAITING = "waiting"
"""The scenario that is entered by hand and waits."""
_SECRET = b"a secret for measuring only....."
_GROUP = 500


@contextmanager
def environment(url: str | None = None, scenarios: Mapping[str, str] | None = None) -> Iterator[Environment]:
    """Publish the workspace in an empty database; `scenarios` are added to it, text by name.

    Without `url` the database is an SQLite file in a folder that is removed at the end.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "workspace"
        shutil.copytree(WORKSPACE, folder)
        for scenario, source in (scenarios or {}).items():
            (folder / "scenarios" / f"{scenario}.yaml").write_text(source, "utf-8")
        compilation = compile_workspace(folder)
        if compilation.publication is None:
            raise SystemExit(f"the workspace has errors: {compilation.errors}")
        database = Database(url or f"sqlite:///{Path(name) / 'leadloop.db'}")
        try:
            upgrade(database)
            env = Environment(database, RealClock(), Keys(_SECRET), PublicationStore(database))
            with database.write() as session:
                publish(session, compilation.publication, "bench", env.clock.now())
            yield env
        finally:
            database.close()


def add_leads(env: Environment, count: int, name: str = "lead") -> list[str]:
    """Add leads by their mail addresses; return their ids."""
    ids: list[str] = []
    for start in range(0, count, _GROUP):
        mails = [f"{name}-{number}@kaisha.example" for number in range(start, min(start + _GROUP, count))]
        wanted = [NewLead(mail, email_hash(env, mail), "bench") for mail in mails]
        with env.database.write() as session:
            ids.extend(create_leads(session, env, wanted, env.clock.now()).values())
    return ids


def report(env: Environment, items: Sequence[IncomingEvent]) -> None:
    """Ingest events, in groups as large as those of the group commit."""
    for start in range(0, len(items), _GROUP):
        with env.database.write() as session:
            found = ingest(session, env, items[start : start + _GROUP])
        refused = next((one for one in found if one.status != "accepted"), None)
        if refused is not None:
            raise SystemExit(f"an event was not accepted: {refused}")


def apply_all(env: Environment) -> int:
    """Apply what is pending until nothing is; return how many events were."""
    applied = 0
    while now := apply_once(env):
        applied += now
    return applied


def let_wait(env: Environment, leads: Sequence[str]) -> None:
    """Enter leads into the waiting scenario and take the first turns, so that their waits are armed."""
    enrol_leads(env, WAITING, leads)
    with env.database.read() as session:
        ids = session.exec(select(Enrolment.id).where(col(Enrolment.scenario) == WAITING)).all()
    for one in ids:
        take_turn(env, TurnRequest(enrolment_id=one, generation=1, turn_no=1, now=env.clock.now()))
    with env.database.read() as session:
        waiting = _count_waiting(session)
    if waiting != len(leads):
        raise SystemExit(f"{waiting} of {len(leads)} journeys wait")


def _count_waiting(session: Session) -> int:
    return session.exec(select(func.count(func.distinct(ArmedWait.enrolment_id)))).one()
