"""The shipped workspace at work: compiled, published, real database, mails by the real outbox.

Time is moved from one due instant to the next, so that everything happens at its own instant. Only
the mail server and Temporal are missing: the mails that were handed over are kept in `mails`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, select

from leadloop.delivery.calls import CallOutbox
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.render import Renderer
from leadloop.delivery.tokens import Tokens
from leadloop.inbox.backfill import run_backfill
from leadloop.inbox.doctor import examine
from leadloop.inbox.entries.enrolling import EnrolResult, enrol_leads
from leadloop.inbox.publishing import publish_workspace
from leadloop.inbox.relaying.due import earliest_due
from leadloop.keys import Keys
from leadloop.language.compiler import compile_workspace
from leadloop.language.plan import Publication
from leadloop.leads.consent import record_permission
from leadloop.leads.records import IncomingRecord, upsert_record
from leadloop.storage.environment import Environment
from leadloop.storage.publications import PublicationStore
from leadloop.storage.tables import (
    Enrolment,
    EnrolmentStatus,
    Lead,
    Message,
    Offer,
    Task,
    TaskStatus,
    Turn,
)
from tests.databases import open_database
from tests.factories import SECRET, ManualClock, make_lead
from tests.inbox.driver import journeys, report, settle

REPOSITORY = Path(__file__).parents[2]
TOKYO = ZoneInfo("Asia/Tokyo")
VERIFIED = frozenset({"form_submitted", "survey_answered", "seminar_registered"})

_Row = TypeVar("_Row")


def tokyo(text: str) -> datetime:
    """Return the instant of `2026-11-16 10:00` in Tokyo."""
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def shown(at: datetime | None, zone: ZoneInfo = TOKYO) -> str | None:
    """Return an instant as a clock in Tokyo shows it."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at is not None else None


@cache
def shipped() -> Publication:
    """Compile the workspace that is shipped. It has no errors and no warnings."""
    compilation = compile_workspace(REPOSITORY)
    assert compilation.diagnostics == []
    return compilation.require()


@dataclass(frozen=True)
class Mail:
    """One mail that was handed over."""

    at: datetime
    to: str
    subject: str
    text: str


class _Server:
    """A mail server that takes everything."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.mails: list[Mail] = []

    def open(self, from_address: str, to_address: str) -> _Transaction:
        return _Transaction(self, to_address)


@dataclass
class _Transaction:
    server: _Server
    to: str

    def deliver(self, content: bytes, written: Callable[[], None] = lambda: None) -> int:
        mail = message_from_bytes(content, policy=default)
        text = mail.get_body(("plain",))
        assert text is not None
        self.server.mails.append(
            Mail(self.server.clock.now(), self.to, str(mail["subject"]), text.get_content())
        )
        written()
        return 250

    def abandon(self) -> None:
        pass


class World:
    """The shipped scenarios, live, at an instant in Tokyo."""

    def __init__(
        self,
        folder: Path,
        renderer: Renderer,
        start: str = "2026-11-16 10:00",
        scenarios: Sequence[str] | None = None,
        publication: Publication | None = None,
    ) -> None:
        self.clock = ManualClock(tokyo(start))
        database = open_database(folder)
        self.env = Environment(database, self.clock, Keys(SECRET), PublicationStore(database))
        self.server = _Server(self.clock)
        tokens = Tokens(self.env.keys)
        self.outbox = Outbox(self.env, renderer, self.server, tokens, "https://leadloop.example/")
        self.calls = CallOutbox(self.env, renderer)
        self.publish(publication or shipped(), scenarios)

    def publish(self, publication: Publication, scenarios: Sequence[str] | None = None) -> None:
        """Publish, with all scenarios or some, and bring the known leads in line."""
        if scenarios is not None:
            plans = {name: publication.plans[name] for name in scenarios}
            publication = publication.model_copy(update={"plans": plans})
        publish_workspace(self.env, publication, "tests", self.clock.now())
        while run_backfill(self.env):
            pass

    def close(self) -> None:
        """Check the invariants of what happened, and close the database."""
        found = examine(self.env).problems
        self.env.database.close()
        assert found == []

    # --- what people do

    def person(self, *topics: str, basis: str = "opt_in", **fields: Any) -> str:
        """Add 山田 太郎 now, with a basis for these topics (`*` for all) and return the lead's id."""
        with self.env.database.write() as session:
            lead = make_lead(session, self.env, created_at=self.clock.now(), **fields)
            for topic in topics:
                record_permission(session, lead.id, topic, basis, None, self.clock.now())
        return lead.id

    def event(self, event_type: str, lead_id: str, /, message: str | None = None, **properties: Any) -> None:
        """Something happened just now. `message`: the template of the newest mail it belongs to."""
        result = report(
            self.env,
            event_type,
            lead_id=lead_id,
            properties=properties,
            source="form" if event_type in VERIFIED else "api",
            trust="verified" if event_type in VERIFIED else "likely",
            message_id=self.message(lead_id, message).id if message else None,
        )
        assert result.status == "accepted", result
        self.settle()

    def click(self, lead_id: str, template: str, url: str = "https://www.acme.example/") -> None:
        """The lead clicks in the newest mail of a template."""
        self.event("email_clicked", lead_id, template, url=url, link="link")

    def record(self, kind: str, key: str, lead: str | None = None, company: str | None = None, /,
               **fields: Any) -> None:  # fmt: skip
        """Put a record, as the API does."""
        upsert_record(self.env, IncomingRecord(kind, key, fields, lead, company))
        self.settle()

    def enrol(self, scenario: str, *leads: str, record: str | None = None) -> list[EnrolResult]:
        """Enter leads by hand, as `leadloop enrol` does."""
        results = enrol_leads(self.env, scenario, leads, record=record)
        self.settle()
        return results

    # --- time

    def settle(self) -> None:
        """Do everything that can be done now."""
        settle(self.env, self._deliver, self._call)

    def until(self, text: str, zone: ZoneInfo = TOKYO) -> None:
        """Let time pass until an instant, stopping wherever something is due."""
        end = datetime.fromisoformat(text).replace(tzinfo=zone)
        self.settle()
        while (at := self._next_due()) is not None and at <= end:
            self.clock.instant = max(at, self.clock.instant)
            self.settle()
        self.clock.instant = end
        self.settle()

    def pass_by(self, **units: float) -> None:
        """Let so much time pass."""
        end = (self.clock.now() + timedelta(**units)).astimezone(TOKYO)
        self.until(end.replace(tzinfo=None).isoformat())

    def _next_due(self) -> datetime | None:
        running = col(Enrolment.status) == EnrolmentStatus.RUNNING
        with self.env.database.read() as session:
            journey = session.exec(select(func.min(Enrolment.due_at)).where(running)).one()
        found = [at for at in (journey, earliest_due(self.env)) if at is not None]
        return min(found, default=None)

    def _deliver(self, env: Environment, message_id: str) -> None:
        self.outbox.deliver(message_id, self._generation(Message, message_id))

    def _call(self, env: Environment, call_id: str) -> None:
        self.calls.make(call_id, 1)

    def _generation(self, table: type[Message], row_id: str) -> int:
        with self.env.database.read() as session:
            return session.get_one(Enrolment, session.get_one(table, row_id).enrolment_id).generation

    # --- what is there

    def lead(self, lead_id: str) -> Lead:
        return self._one(lambda session: session.get_one(Lead, lead_id))

    def message(self, lead_id: str, template: str) -> Message:
        statement = select(Message).where(Message.lead_id == lead_id, Message.template == template)
        return self._one(lambda session: session.exec(statement.order_by(col(Message.id).desc())).first())

    def sent(self, lead_id: str) -> list[tuple[str, str | None]]:
        """Return the lead's mails that were handed over: template, and when in Tokyo."""
        statement = select(Message).where(
            Message.lead_id == lead_id, Message.kind == "mail", col(Message.sent_at).is_not(None)
        )
        with self.env.database.read() as session:
            rows = session.exec(statement.order_by(col(Message.sent_at), col(Message.id))).all()
        return [(row.template, shown(row.sent_at)) for row in rows]

    def templates(self, lead_id: str) -> list[str]:
        return [template for template, _ in self.sent(lead_id)]

    def mail(self, subject: str) -> Mail:
        """Return the newest mail whose subject contains a text."""
        return [one for one in self.server.mails if subject in one.subject][-1]

    def notices(self, to: str) -> list[str]:
        """Return the templates of the notices to an address, oldest first."""
        statement = select(Message).where(Message.kind == "notice", Message.to_address == to)
        with self.env.database.read() as session:
            rows = session.exec(statement.order_by(col(Message.id))).all()
        return [row.template for row in rows]

    def journey(self, scenario: str, lead_id: str | None = None, record: str | None = None) -> Enrolment:
        """Return the newest journey of a scenario, of a lead and a record where they are named."""
        return self.journeys(scenario, lead_id, record)[-1]

    def journeys(
        self, scenario: str, lead_id: str | None = None, record: str | None = None
    ) -> list[Enrolment]:
        return [
            row for row in journeys(self.env, scenario)
            if lead_id in (None, row.lead_id) and record in (None, row.record_key)
        ]  # fmt: skip

    def outcome(self, scenario: str, lead_id: str | None = None, record: str | None = None) -> str | None:
        return self.journey(scenario, lead_id, record).outcome

    def step(self, scenario: str, lead_id: str | None = None, record: str | None = None) -> str:
        return str(self.journey(scenario, lead_id, record).state["step"])

    def walked(self, enrolment: Enrolment) -> list[str]:
        """Return the steps that a journey walked, in order."""
        with self.env.database.read() as session:
            turns = session.exec(
                select(Turn).where(Turn.enrolment_id == enrolment.id).order_by(col(Turn.turn_no))
            ).all()
        return [str(one["step"]) for turn in turns for one in turn.trace if one.get("step")]

    def task(self, scenario: str = "") -> Task:
        """Return the newest task that is to be done."""
        tasks = [one for one in self.tasks(scenario) if one.status in (TaskStatus.OPEN, TaskStatus.OVERDUE)]
        return tasks[-1]

    def tasks(self, scenario: str = "") -> list[Task]:
        statement = select(Task).join(Enrolment).order_by(col(Task.created_at), col(Task.id))
        if scenario:
            statement = statement.where(Enrolment.scenario == scenario)
        with self.env.database.read() as session:
            return list(session.exec(statement).all())

    def offer(self) -> Offer:
        """Return the newest offer."""
        newest = select(Offer).order_by(col(Offer.id).desc())
        return self._one(lambda session: session.exec(newest).first())

    def _one(self, read: Callable[[Session], _Row | None]) -> _Row:
        with self.env.database.read() as session:
            row = read(session)
        assert row is not None
        return row
