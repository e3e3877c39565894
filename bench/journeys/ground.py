"""What all four ways stand on: a database, a mail server, a renderer, leads, and people who click.

Every way writes to the same tables, on SQLite with `synchronous=FULL`, renders the same template in the
same kind of child process, and hands the mail to the same mail server over SMTP. They differ in who
drives the journey.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from leadloop.clock import RealClock
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import SmtpSender
from leadloop.keys import Keys
from leadloop.language.compiler import compile_workspace
from leadloop.leads.identity import find_or_create_lead
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import upgrade
from leadloop.storage.publications import PublicationStore, publish
from leadloop.storage.tables import Event, Message, MessageStatus

WORKSPACE = Path(__file__).parent / "workspace"
FIRST, SECOND = "first", "second"
_SECRET = b"a secret for measuring only....."
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Ground:
    """An environment with the journey's scenario published, and the ways to send a mail."""

    env: Environment
    renderer: Renderer
    sender: SmtpSender
    folder: Path

    def add_leads(self, count: int, name: str) -> list[str]:
        """Add leads whose industry takes the branch; return their ids."""
        with self.env.database.write() as session:
            return [self._add_lead(session, f"{name}-{number}@kaisha.example") for number in range(count)]

    def _add_lead(self, session: Session, email: str) -> str:
        identity = {"family_name": "山田", "given_name": "太郎", "company": "株式会社東都商事"}
        lead, _ = find_or_create_lead(session, self.env, email, identity, self.env.clock.now())
        lead.family_name, lead.given_name = "山田", "太郎"
        lead.fields = {"industry": "it"}
        session.add(lead)
        return lead.id


@contextmanager
def standing_on(folder: Path, smtp_port: int) -> Iterator[Ground]:
    """Make the ground in an empty folder, and take it down at the end."""
    database = Database(f"sqlite:///{folder / 'leadloop.db'}")
    upgrade(database)
    compilation = compile_workspace(WORKSPACE)
    if compilation.publication is None:
        raise SystemExit(f"{WORKSPACE} has errors")
    env = Environment(database, RealClock(), Keys(_SECRET), PublicationStore(database))
    with database.write() as session:
        publish(session, compilation.publication, "bench", env.clock.now())
    with Renderer() as renderer:
        yield Ground(env, renderer, SmtpSender("127.0.0.1", smtp_port, security="none"), folder)
    database.close()


async def click_when_sent(ground: Ground, click: Callable[[Message], Awaitable[None]], count: int) -> None:
    """Play the people: click each first mail once, soon after it was sent."""
    clicked: set[str] = set()
    while len(clicked) < count:
        for message in await asyncio.to_thread(_sent, ground.env, clicked):
            clicked.add(message.id)
            await click(message)
        await asyncio.sleep(_LOOK_SECONDS)


def _sent(env: Environment, known: set[str]) -> list[Message]:
    with env.database.read() as session:
        rows = session.exec(
            select(Message)
            .where(Message.step_id == FIRST, Message.status == MessageStatus.SENT)
            .where(col(Message.clicked_at).is_(None))
        ).all()
    return [row for row in rows if row.id not in known]


def event_row(ground: Ground, lead_id: str, kind: str, **values: Any) -> Event:
    """Return an event as a hand-written program stores it: applied as it comes."""
    now = ground.env.clock.now()
    return Event(
        subject_id=lead_id, lead_id=lead_id, type=kind, source="bench",
        occurred_at=now, received_at=now, applied_at=now, **values,
    )  # fmt: skip
