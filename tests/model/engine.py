"""The real engine on a database, where processes die, wakes come twice, and the mail server is rude.

Whoever asked for what a dead process was doing asks again, as a client, a loop or Temporal would.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import pytest
from sqlmodel import col, func, select

from leadloop.delivery.calls import CallOutbox
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.smtp import RetryLaterError
from leadloop.delivery.tokens import Tokens
from leadloop.inbox.applier import apply_once
from leadloop.inbox.erasure import erase_lead
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.inbox.operations.loop import run_operations
from leadloop.inbox.operations.sending import KILL_SWITCH
from leadloop.inbox.recovery.rebuild import begin_rebuild, rebuild_next
from leadloop.inbox.relaying.due import run_due
from leadloop.inbox.turns.editions import run_editions
from leadloop.inbox.turns.turn import TurnGapError
from leadloop.keys import Keys
from leadloop.language import plan as p
from leadloop.leads.consent import record_permission
from leadloop.storage.environment import Environment
from leadloop.storage.publications import PublicationStore, publish
from leadloop.storage.tables import Due, Enrolment, EnrolmentStatus, Message, MessageStatus, Offer, Task
from tests.factories import NOW, SECRET, ManualClock, make_lead
from tests.inbox.driver import journeys, turn
from tests.model.actions import Event
from tests.model.hazards import Killed, MailServer, MortalDatabase, PlainRenderer
from tests.model.people import People
from tests.model.world import Verdict

_T = TypeVar("_T")
WAITS = "waits"
"""A notice that is not handed over now."""
_Row = TypeVar("_Row", Offer, Task)
_SOURCES = {
    "form_submitted": "form",
    "lead_created": "import",
    "email_bounced": "mail",
    "email_complained": "mail",
}


class Engine(People):
    """One lead's engine. `rest` plays the workflows' part without Temporal."""

    in_order = True
    """Whether journeys take their turns in the order of their ids."""

    def __init__(self, database: MortalDatabase, publication: p.Publication, opted_in: bool) -> None:
        self.clock = ManualClock(NOW)
        self.database = database
        self.database.wipe()
        with self.database.write() as session:
            publish(session, publication, "tests", NOW)
        self.env = Environment(self.database, self.clock, Keys(SECRET), PublicationStore(self.database))
        with self.database.write() as session:
            lead = make_lead(session, self.env, country="JP")
            if opted_in:
                record_permission(session, lead.id, "nurture", "opt_in", None, NOW)
        self.lead_id, self.email = lead.id, lead.email or ""
        self.server = MailServer()
        self._points: list[str] = []
        url = "https://leadloop.example"
        renderer: Any = PlainRenderer()
        self.outbox = Outbox(self.env, renderer, self.server, Tokens(self.env.keys), url, self._pass)
        self.calls = CallOutbox(self.env)
        self.deaths = 0

    # --- what happens

    def happen(self, what: Event) -> str | None:
        """Post an event, again where there is no answer; return its mail's send key.

        Returns None where it is about a mail and none went out, and where the lead was erased.
        """
        mail = self._mail(what.of) if what.of is not None else None
        if what.of is not None and mail is None:
            return None
        self._ids += 1
        incoming = IncomingEvent(
            what.type,
            dict(what.properties),
            lead_id=self.lead_id,
            identity=dict(what.identity),
            external_id=f"e{self._ids}",
            source=source_of(what.type),
            trust="verified",
            message_id=mail.id if mail is not None else None,
        )
        for _ in range(2 if what.twice else 1):
            status = self.surviving(lambda: self._post(incoming))
            assert status in (("invalid",) if self.erased else ("accepted", "duplicate"))
        if self.erased:
            return None
        return mail.send_key if mail is not None else ""

    def kill_sender_at(self, point: str) -> None:
        self._points.append(point)

    def rebuild(self) -> None:
        """Start all workflows anew."""
        begun = self.surviving(lambda: begin_rebuild(self.env))
        ended = False
        while not ended:
            begun, ended = self.surviving(lambda: rebuild_next(self.env, begun, 100))  # noqa: B023

    def erase(self) -> None:
        self.surviving(lambda: erase_lead(self.env, self.lead_id, "tests"))

    def lose_wakes(self) -> None:
        """Nothing here listens to wakes."""

    def confuse(self) -> None:
        """Ask for what must not change anything."""
        for one in journeys(self.env):
            head, generation = one.turn_no, one.generation
            for turn_no in range(1, head + 1):
                assert self._ask(one.id, turn_no, generation) == "committed"
            if one.next.get("kind") == "wait":
                assert self._ask(one.id, head + 1, generation) == "not_yet"
            assert self._ask(one.id, head + 1, generation - 1) == "superseded"
            with pytest.raises(TurnGapError):
                self._ask(one.id, head + 2, generation)
        for message in self.messages():
            generation = self._enrolment(message.enrolment_id).generation
            if self._is_over(message):
                self.hand_over(message.id, generation)
            self.hand_over(message.id, generation - 1)

    # --- time and rest

    def next_due(self) -> datetime | None:
        """Return when the engine has something to do next."""
        with self.database.read() as session:
            running = select(func.min(Enrolment.due_at)).where(
                Enrolment.status == EnrolmentStatus.RUNNING, col(Enrolment.due_at) > self.clock.now()
            )
            due = select(func.min(Due.due_at)).where(Due.due_at > self.clock.now())
            found = [session.exec(running).one(), session.exec(due).one()]
        return min((at for at in found if at is not None), default=None)

    def advance(self, to: datetime) -> None:
        self.clock.instant = to

    def rest(self) -> None:
        """Apply, run what is due, hand mails over and take turns, until nothing moves."""
        for _ in range(200):
            deaths = self.deaths
            moved = self.serve()
            for one in journeys(self.env):
                moved += self._go_on(one)
            if not moved and deaths == self.deaths:
                return
        raise AssertionError("the engine does not come to rest")

    def serve(self) -> int:
        """Run what runs beside the workers once; return how much it moved."""
        loops = (self.apply, run_due, run_operations, run_editions)
        return sum(self.surviving(lambda: loop(self.env)) for loop in loops)  # noqa: B023

    def apply(self, env: Environment) -> int:
        """Apply what is pending; return the number of events."""
        return apply_once(env)

    def _go_on(self, journey: Enrolment) -> bool:
        following = journey.next
        if following.get("kind") == "end":
            return False
        if following.get("kind") == "send":
            self.hand_over(str(following["message_id"]), journey.generation)
        if following.get("kind") == "call":
            self.surviving(lambda: self.calls.make(str(following["call_id"]), journey.generation))
        reply = self.surviving(lambda: turn(self.env, journey.id, journey.turn_no + 1, journey.generation))
        return reply.status == "committed"

    def _ask(self, enrolment_id: str, turn_no: int, generation: int) -> str:
        return self.surviving(lambda: turn(self.env, enrolment_id, turn_no, generation)).status

    def hand_over(self, message_id: str, generation: int) -> str:
        """Deliver as the activity does; a dead attempt is followed by another one.

        A notice waits while all mails are stopped: its activity tries again later.
        """
        self.server.current.message_id = message_id
        while True:
            try:
                return self.outbox.deliver(message_id, generation)
            except RetryLaterError as error:
                if error.code == KILL_SWITCH:
                    return WAITS
            except Killed:
                self.deaths += 1
                if self._status(message_id) == MessageStatus.SENDING:
                    self.server.verdicts[message_id] = "died"

    def surviving(self, act: Callable[[], _T]) -> _T:
        """Do it; and again where the process died."""
        while True:
            try:
                return act()
            except Killed:
                self.deaths += 1

    def verdict(self, send_key: str) -> Verdict:
        """Return what came of a mail that was claimed."""
        message = next(one for one in self.messages() if one.send_key == send_key)
        return self.server.verdicts.get(message.id, "accepted")

    def name_of(self, scenario: str, number: int) -> str:
        """Return the id of the n-th journey of a scenario."""
        found = journeys(self.env, scenario)
        assert number < len(found), f"the engine did not begin journey {number + 1} of {scenario}"
        return found[number].id

    def messages(self) -> list[Message]:
        with self.database.read() as session:
            return list(session.exec(select(Message).order_by(col(Message.id))).all())

    def close(self) -> None:
        self.calls.close()

    def _pass(self, point: str) -> None:
        if self._points and self._points[0] == point:
            self._points.pop(0)
            raise Killed

    def _post(self, incoming: IncomingEvent) -> str:
        with self.database.write() as session:
            return ingest(session, self.env, [incoming])[0].status

    def _mail(self, number: int) -> Message | None:
        went = [one for one in self.messages() if one.kind == "mail" and one.id in self.server.taken]
        return went[number % len(went)] if went else None

    def _status(self, message_id: str) -> MessageStatus:
        with self.database.read() as session:
            return session.get_one(Message, message_id).status

    def _enrolment(self, enrolment_id: str) -> Enrolment:
        with self.database.read() as session:
            return session.get_one(Enrolment, enrolment_id)

    def _is_over(self, message: Message) -> bool:
        return message.status not in (MessageStatus.NEW, MessageStatus.HELD, MessageStatus.SENDING)


def source_of(event_type: str) -> str:
    """Return where an event comes from."""
    if event_type.startswith("deal_"):
        return "sales"
    sources = {"form_submitted": "form", "lead_created": "import"}
    return sources.get(
        event_type, "mail" if event_type in ("email_bounced", "email_complained") else "tracking"
    )
