"""The journey's effects as a program written by hand has them: one short transaction each, made to be
repeated. They write the rows that leadloop writes for the same effect, without its checks (consent,
caps, window, erasure, exits) and without its turns."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import select

from bench.journeys.ground import Ground, event_row
from leadloop.delivery.compose import Addresses, compose, draft, mime_of, store
from leadloop.delivery.tokens import Tokens
from leadloop.scoring.ledger import LeadLedger
from leadloop.storage.tables import (
    Enrolment,
    EnrolmentStatus,
    Lead,
    LeadScore,
    Link,
    Message,
    MessageStatus,
)

_POINTS = 5


@dataclass
class Effects:
    """What a hand-written journey does to the world."""

    ground: Ground

    def __post_init__(self) -> None:
        env = self.ground.env
        self._database = env.database
        self._addresses = Addresses("http://127.0.0.1:8080", Tokens(env.keys))

    def begin(self, lead_id: str) -> str:
        """Store the form that begins a journey, and the journey; return its id."""
        env = self.ground.env
        stored = env.publications.current()
        with self._database.write() as session:
            event = event_row(
                self.ground, lead_id, "form_submitted", properties={"form": "whitepaper"}, lead_seq=1
            )
            session.add(event)
            now = env.clock.now()
            journey = Enrolment(
                scenario="journey", plan_digest=stored.parts["plan:journey"], publication_id=stored.id,
                lead_id=lead_id, subject_key=lead_id, cause_event_id=event.id, entered_at=now, moved_at=now,
            )  # fmt: skip
            session.add(journey)
            return journey.id

    def write_mail(self, journey_id: str, step_id: str) -> str:
        """Put a mail into the outbox, once; return its id."""
        key = f"{journey_id}:{step_id}"
        with self._database.write() as session:
            known = session.exec(select(Message).where(Message.send_key == key)).one_or_none()
            if known is not None:
                return known.id
            journey = session.get_one(Enrolment, journey_id)
            message = Message(
                send_key=key, enrolment_id=journey_id, publication_id=journey.publication_id,
                step_id=step_id, visit=1, lead_id=journey.lead_id, scenario="journey", topic="service",
                template="bench/mail", created_at=self.ground.env.clock.now(),
            )  # fmt: skip
            session.add(message)
            return message.id

    def send_mail(self, message_id: str) -> str:
        """Render, store, claim, hand over, record; return the status. A claimed mail is not sent again."""
        env = self.ground.env
        with self._database.read() as session:
            message = session.get_one(Message, message_id)
            journey = session.get_one(Enrolment, message.enrolment_id)
            lead = session.get_one(Lead, message.lead_id)
            source = draft(session, env, self._addresses, message, lead, journey)
        if message.status != MessageStatus.NEW:
            return message.status.value
        composed = compose(self.ground.renderer, self._addresses, message.id, source)
        with self._database.write() as session:
            message = session.get_one(Message, message_id)
            store(session, message, composed)
        publication = env.publications.get(message.publication_id).publication
        sender, to, content = mime_of(message, publication, self._addresses, env.clock.now())
        transaction = self.ground.sender.open(sender, to)
        with self._database.write() as session:
            message = session.get_one(Message, message_id)
            if message.status != MessageStatus.NEW:
                transaction.abandon()
                return message.status.value
            message.status, message.claimed_at = MessageStatus.SENDING, env.clock.now()
            session.add(message)
        code = transaction.deliver(content)
        with self._database.write() as session:
            message = session.get_one(Message, message_id)
            message.status, message.sent_at, message.reply_code = (
                MessageStatus.SENT, env.clock.now(), code,
            )  # fmt: skip
            session.add(message)
            session.add(event_row(self.ground, message.lead_id, "email_sent", message_id=message.id))
        return "sent"

    def note_click(self, message_id: str) -> str:
        """Store a click; return the journey it belongs to."""
        with self._database.write() as session:
            message = session.get_one(Message, message_id)
            link = session.exec(select(Link).where(Link.message_id == message_id)).first()
            properties = {"url": link.url if link else "", "link": link.name if link else ""}
            session.add(
                event_row(
                    self.ground,
                    message.lead_id,
                    "email_clicked",
                    message_id=message_id,
                    properties=properties,
                )
            )
            message.clicked_at = self.ground.env.clock.now()
            session.add(message)
            return message.enrolment_id

    def read_industry(self, journey_id: str) -> str | None:
        """Return what the branch asks for."""
        with self._database.read() as session:
            journey = session.get_one(Enrolment, journey_id)
            return session.get_one(Lead, journey.lead_id).fields.get("industry")

    def add_points(self, journey_id: str) -> None:
        """Add the points of the click, once, and keep the lead's reading."""
        env = self.ground.env
        with self._database.write() as session:
            journey = session.get_one(Enrolment, journey_id)
            now = env.clock.now()
            ledger = LeadLedger(session, journey.lead_id)
            added = ledger.add(
                entry_key=f"{journey.lead_id}:engagement:step:{journey_id}:1", model="engagement",
                rule_id="step:score", points=_POINTS, ruleset_digest="", at=now,
            )  # fmt: skip
            if not added:
                return
            reading = ledger.reading("engagement")
            if reading is None:
                reading = LeadScore(lead_id=journey.lead_id, model="engagement", points=0, read_at=now)
            reading.points, reading.read_at = reading.points + _POINTS, now
            session.add(reading)

    def add_tag(self, journey_id: str) -> None:
        """Tag the lead."""
        with self._database.write() as session:
            lead = session.get_one(Lead, session.get_one(Enrolment, journey_id).lead_id)
            if "vip" not in lead.tags:
                lead.tags = [*lead.tags, "vip"]
                session.add(lead)

    def finish(self, journey_id: str, outcome: str) -> None:
        """Write down how the journey ended."""
        with self._database.write() as session:
            journey = session.get_one(Enrolment, journey_id)
            journey.status, journey.outcome = EnrolmentStatus.ENDED, outcome
            journey.ended_at = self.ground.env.clock.now()
            session.add(journey)
