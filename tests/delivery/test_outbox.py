"""The outbox on a real database, with a real mail server: at most once, and nothing lost silently."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from leadloop.delivery.claim import claim_message
from leadloop.delivery.outbox import Outbox
from leadloop.delivery.parsing import parse_mail
from leadloop.delivery.render import Renderer
from leadloop.delivery.smtp import RetryLaterError, SmtpSender
from leadloop.delivery.tokens import Tokens
from leadloop.failpoints import EXIT_CODE, failpoint
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.keys import Keys
from leadloop.language import plan as p
from leadloop.leads.consent import suppress
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.publications import PublicationStore
from leadloop.storage.tables import (
    Consent,
    Enrolment,
    EnrolmentStatus,
    Event,
    Lead,
    Link,
    Message,
    MessageStatus,
    Offer,
    Setting,
)
from tests import factories
from tests.delivery.sink import Sink
from tests.factories import NOW, ManualClock

URL = "https://leadloop.example"
LAYOUT = "<html><body>{{ content }}<a href='{{ unsubscribe_url }}'>停止</a></body></html>"
TEMPLATES = {
    **factories.TEMPLATES,
    "layouts/default.ja.html.j2": LAYOUT,
    "broken.ja.md": "---\nsubject: x\n---\n{{ lead.nmae }}\n",
    "begun.ja.md": "---\nsubject: x\n---\nbegun {{ run.entered_at }}\n",
}
SENT = MessageStatus.SENT


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as one:
        yield one


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as one:
        yield one


class World:
    """One environment, one lead with one running journey, and an outbox to a mail server."""

    def __init__(self, env: Environment, clock: ManualClock, renderer: Renderer, port: int) -> None:
        self.env = env
        self.clock = clock
        self.tokens = Tokens(env.keys)
        self.sender = SmtpSender("127.0.0.1", port, security="none")
        self.outbox = Outbox(env, renderer, self.sender, self.tokens, URL + "/")
        with env.database.write() as session:
            lead = factories.make_lead(session, opt_in=True, company="株式会社サンプル")
            publication_id = env.publications.current(session).id
            enrolment = factories.make_enrolment(session, publication_id, lead, "whitepaper-nurture")
            _consent(session, lead.id, "nurture", "opt_in")
            _consent(session, lead.id, "service", "request")
        self.lead_id = lead.id
        self.email = lead.email or ""
        self.enrolment_id = enrolment.id

    def ask(self, **values: Any) -> str:
        """Put a message in the outbox; return its id."""
        with self.env.database.write() as session:
            enrolment = session.get_one(Enrolment, self.enrolment_id)
            defaults = {
                "status": MessageStatus.NEW,
                "subject": None,
                "sent_at": None,
                "created_at": self.clock.now(),
            }
            return factories.make_message(session, enrolment, **(defaults | values)).id

    def deliver(self, message_id: str, generation: int = 1) -> str:
        return self.outbox.deliver(message_id, generation)

    def message(self, message_id: str) -> Message:
        with self.env.database.read() as session:
            return session.get_one(Message, message_id)

    def change(self, change: Callable[[Session, Lead, Enrolment], None]) -> None:
        with self.env.database.write() as session:
            change(
                session, session.get_one(Lead, self.lead_id), session.get_one(Enrolment, self.enrolment_id)
            )


def _consent(session: Session, lead_id: str, topic: str, basis: str) -> None:
    session.add(Consent(lead_id=lead_id, topic=topic, basis=basis, at=NOW - timedelta(days=100)))


def make_world(tmp_path: Path, renderer: Renderer, port: int, **workspace: Any) -> World:
    clock = ManualClock()
    publication = factories.make_publication(
        workspace=factories.make_workspace(**workspace), templates=TEMPLATES
    )
    return World(factories.make_environment(tmp_path, publication, clock), clock, renderer, port)


@pytest.fixture
def world(tmp_path: Path, renderer: Renderer, sink: Sink) -> Iterator[World]:
    one = make_world(tmp_path, renderer, sink.port)
    yield one
    one.sender.close()
    one.env.database.close()


def test_outbox_sends_a_mail_once_however_often_it_is_asked(world: World, sink: Sink) -> None:
    message_id = world.ask()
    assert [world.deliver(message_id) for _ in range(3)] == ["sent"] * 3
    assert sink.accepted == 1
    row = world.message(message_id)
    assert (row.status, row.reply_code, row.sent_at, row.attempts) == (SENT, 250, NOW, 1)
    assert row.rendered_to == world.email
    mail = parse_mail("x", sink.mails[0])
    assert mail.subject == "資料をお届けします"
    assert mail.text.startswith("株式会社サンプル 山田 太郎 様")
    assert mail.message_id == message_id


def test_outbox_tracks_links_and_pixel_and_offers_one_click(world: World, sink: Sink) -> None:
    message_id = world.ask()
    world.deliver(message_id)
    mail = parse_mail("x", sink.mails[0])
    with world.env.database.read() as session:
        (link,) = session.exec(select(Link).where(Link.message_id == message_id)).all()
    assert (link.url, link.position, link.name) == ("https://acme.example/w", 0, "資料")
    assert [one.url.removeprefix(f"{URL}/t/c/") for one in mail.links[:1]] == [
        world.tokens.click_token(link.id)
    ]
    assert mail.images == (f"{URL}/t/o/{world.tokens.open_token(message_id)}.gif",)
    unsubscribe = f"{URL}/u/{world.tokens.unsubscribe_token(message_id)}"
    assert mail.unsubscribe_url == mail.links[1].url == unsubscribe


def test_outbox_records_email_sent_once(world: World) -> None:
    message_id = world.ask()
    world.deliver(message_id)
    world.deliver(message_id)
    with world.env.database.read() as session:
        (event,) = session.exec(select(Event).where(Event.type == "email_sent")).all()
    assert (event.message_id, event.subject_id, event.source) == (message_id, world.lead_id, "engine")


def test_outbox_sends_once_from_many_threads(world: World, sink: Sink) -> None:
    message_id = world.ask()
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(world.deliver(message_id))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sink.accepted == 1
    assert set(results) <= {"sent", "sending", "uncertain"}
    assert world.message(message_id).status == SENT


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        ({"RCPT": "550 5.1.1 <yamada> unknown"}, "failed", "smtp_550 5.1.1"),
        ({"RCPT": "550 5.7.1 relaying denied"}, "failed", "refused smtp_550 5.7.1"),
        ({"MAIL": "550 5.7.0 account closed"}, "failed", "refused smtp_550 5.7.0"),
        ({"DOT": "554 5.7.1 spam"}, "failed", "refused smtp_554 5.7.1"),
        ({"DOT": "550 5.2.1 mailbox disabled"}, "failed", "smtp_550 5.2.1"),
        ({"DOT": "drop"}, "uncertain", "connection_lost_after_data"),
    ],
)
def test_outbox_ends_a_mail_that_the_server_refuses_or_leaves_in_doubt(
    world: World, sink: Sink, reply: dict[str, str], status: str, reason: str
) -> None:
    sink.replies = {verb: [text] for verb, text in reply.items()}
    message_id = world.ask()
    assert world.deliver(message_id) == status
    assert world.message(message_id).reason == reason
    sink.replies = {}
    assert world.deliver(message_id) == status
    assert sink.accepted == 0


@pytest.mark.parametrize(
    "reply", [{"RCPT": "451 later"}, {"DATA": "drop"}, {"DOT": "452 full"}, {"CONNECT": "drop"}]
)
def test_outbox_tries_again_what_was_not_handed_over(world: World, sink: Sink, reply: dict[str, str]) -> None:
    sink.replies = {verb: [text] for verb, text in reply.items()}
    message_id = world.ask()
    with pytest.raises(RetryLaterError):
        world.deliver(message_id)
    assert world.message(message_id).status == MessageStatus.NEW
    sink.replies = {}
    assert world.deliver(message_id) == "sent"
    assert sink.accepted == 1


@pytest.mark.parametrize(
    ("verb", "error", "code"),
    [
        ("RCPT", RetryLaterError, "smtp_451"),
        ("DOT", RetryLaterError, "smtp_451"),
        ("RCPT", AttributeError, "AttributeError"),
    ],
)
def test_outbox_gives_up_what_fails_for_a_day_from_the_first_failure(
    world: World, sink: Sink, verb: str, error: type[Exception], code: str
) -> None:
    message_id = world.ask()
    sink.replies = {verb: ["451 later"]}
    if error is AttributeError:  # a defect, not a server that is away
        world.outbox._addresses = None  # type: ignore[assignment]
    world.clock.advance(hours=48)  # nobody could try: workers or Temporal were away
    for hours in (0, 23):
        world.clock.advance(hours=hours)
        with pytest.raises(error):
            world.deliver(message_id)
        assert world.message(message_id).status == MessageStatus.NEW
    world.clock.advance(hours=1)
    assert world.deliver(message_id) == "failed"
    assert world.message(message_id).reason == f"gave_up {code}"


def test_outbox_counts_failures_before_a_hold_no_more(world: World, sink: Sink) -> None:
    message_id = world.ask()
    sink.replies = {"RCPT": ["451 later"]}
    with pytest.raises(RetryLaterError):
        world.deliver(message_id)
    sink.replies = {}
    world.change(lambda session, lead, enrolment: setattr(lead, "in_sales", True))
    assert world.deliver(message_id) == "held"
    world.change(lambda session, lead, enrolment: setattr(lead, "in_sales", False))
    sink.replies = {"RCPT": ["451 later"]}
    world.clock.advance(hours=72)
    with pytest.raises(RetryLaterError):
        world.deliver(message_id)


def test_outbox_does_not_give_up_while_the_database_is_away(
    world: World, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = world.ask()
    world.clock.advance(hours=48)

    def away(*_: Any) -> str:
        raise OperationalError("SELECT", None, Exception("gone"))

    with monkeypatch.context() as patch:
        patch.setattr(world.outbox, "_deliver", away)
        with pytest.raises(OperationalError):
            world.deliver(message_id)
    assert world.deliver(message_id) == "sent"


def test_outbox_calls_a_left_over_claim_uncertain_and_never_sends_it(world: World, sink: Sink) -> None:
    message_id = world.ask(status=MessageStatus.SENDING, claim_token="dead", claimed_at=NOW)
    assert [world.deliver(message_id) for _ in range(2)] == ["uncertain", "uncertain"]
    assert world.message(message_id).reason == "attempt_died"
    assert sink.mails == []


def test_outbox_lets_a_slow_attempt_prove_what_was_thought_dead(world: World, sink: Sink) -> None:
    """The first attempt sleeps after DATA; a second finds `sending`; then the first one wakes."""
    asleep, wake = threading.Event(), threading.Event()

    def sleep(name: str) -> None:
        if name == "after_250":
            asleep.set()
            assert wake.wait(20)

    slow = Outbox(world.env, world.outbox._renderer, world.sender, world.tokens, URL, sleep)
    message_id = world.ask()
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(slow.deliver(message_id, 1)))
    thread.start()
    assert asleep.wait(20)
    assert world.deliver(message_id) == "uncertain"
    wake.set()
    thread.join()
    assert results == ["sent"]
    assert world.message(message_id).status == SENT
    assert sink.accepted == 1


def test_outbox_fences_the_record_by_the_claim(world: World, sink: Sink) -> None:
    message_id = world.ask()

    def steal(name: str) -> None:
        if name == "before_record":
            with world.env.database.write() as session:
                message = session.get_one(Message, message_id)
                message.claim_token, message.status = "another", MessageStatus.UNCERTAIN
                session.add(message)

    thief = Outbox(world.env, world.outbox._renderer, world.sender, world.tokens, URL, steal)
    assert thief.deliver(message_id, 1) == "uncertain"
    assert world.message(message_id).claim_token == "another"


def test_outbox_leaves_what_was_given_up_when_the_refusal_comes_late(world: World, sink: Sink) -> None:
    """The journey has moved on: a row that became new again would wait for nobody."""
    message_id = world.ask()
    sink.replies = {"DOT": ["452 full"]}

    def give_up(name: str) -> None:
        if name == "after_claim":
            with world.env.database.write() as session:
                message = session.get_one(Message, message_id)
                message.status = MessageStatus.UNCERTAIN
                session.add(message)

    slow = Outbox(world.env, world.outbox._renderer, world.sender, world.tokens, URL, give_up)
    with pytest.raises(RetryLaterError):
        slow.deliver(message_id, 1)
    assert world.message(message_id).status == MessageStatus.UNCERTAIN


def test_outbox_skips_after_an_unsubscription_that_is_still_pending(world: World, sink: Sink) -> None:
    message_id = world.ask()
    with world.env.database.write() as session:
        item = IncomingEvent("unsubscribed", {"topic": "*"}, lead_id=world.lead_id, source="tracking")
        ingest(session, world.env, [item])
    assert world.deliver(message_id) == "skipped"
    assert world.message(message_id).reason == "unsubscribed"
    assert sink.mails == []


def test_claim_sees_a_refusal_that_comes_after_rcpt(world: World, sink: Sink) -> None:
    message_id = world.ask()

    def refuse(name: str) -> None:
        if name == "before_claim":
            with world.env.database.write() as session:
                item = IncomingEvent(
                    "unsubscribed", {"topic": "nurture"}, lead_id=world.lead_id, source="tracking"
                )
                ingest(session, world.env, [item])

    late = Outbox(world.env, world.outbox._renderer, world.sender, world.tokens, URL, refuse)
    assert late.deliver(message_id, 1) == "skipped"
    assert sink.mails == []


def _no_consent(session: Session, lead: Lead, enrolment: Enrolment) -> None:
    for row in session.exec(select(Consent).where(Consent.lead_id == lead.id)).all():
        session.delete(row)


def _ended(session: Session, lead: Lead, enrolment: Enrolment) -> None:
    enrolment.status = EnrolmentStatus.ENDED
    session.add(enrolment)


def _erased(session: Session, lead: Lead, enrolment: Enrolment) -> None:
    lead.erased_at = NOW
    session.add(lead)


def _no_address(session: Session, lead: Lead, enrolment: Enrolment) -> None:
    lead.email = None
    session.add(lead)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_no_consent, "no_consent"),
        (_ended, "journey_ended"),
        (_erased, "erased"),
        (_no_address, "no_address"),
    ],
)
def test_outbox_skips_with_a_reason(
    world: World, sink: Sink, change: Callable[[Session, Lead, Enrolment], None], reason: str
) -> None:
    message_id = world.ask()
    world.change(change)
    assert world.deliver(message_id) == "skipped"
    assert world.message(message_id).reason == reason
    assert sink.mails == []


def test_outbox_skips_a_suppressed_address(world: World, sink: Sink) -> None:
    message_id = world.ask()
    with world.env.database.write() as session:
        suppress(session, world.env, world.email.upper(), "hard_bounce", NOW)
    assert world.deliver(message_id) == "skipped"
    assert world.message(message_id).reason == "suppressed"


def test_outbox_fails_a_broken_template_with_file_and_line(world: World, sink: Sink) -> None:
    message_id = world.ask(template="broken")
    assert world.deliver(message_id) == "failed"
    reason = world.message(message_id).reason or ""
    assert reason.startswith("render_undefined: broken.ja.md:4:")
    assert sink.connections == 0


@pytest.mark.parametrize(
    "email", ["a@acme.example, b@acme.example", "a@acme.example\r\nRCPT TO:<evil@x.example>", "a"]
)
def test_outbox_fails_what_is_not_one_address(world: World, sink: Sink, email: str) -> None:
    message_id = world.ask()
    world.change(lambda session, lead, _: setattr(lead, "email", email))
    assert world.deliver(message_id) == "failed"
    assert world.message(message_id).reason == "bad_address"
    assert not any("RCPT" in command for command in sink.commands)


def test_outbox_refuses_an_older_generation(world: World, sink: Sink) -> None:
    message_id = world.ask()
    world.change(lambda session, lead, enrolment: setattr(enrolment, "generation", 2))
    assert world.deliver(message_id, 1) == "superseded"
    with world.env.database.write() as session:
        assert claim_message(session, world.env, message_id, 1).status == "superseded"
    assert world.message(message_id).status == MessageStatus.NEW
    assert world.deliver(message_id, 2) == "sent"
    assert sink.accepted == 1


def test_outbox_renders_again_for_a_new_address(world: World, sink: Sink) -> None:
    sink.replies = {"RCPT": ["451 later", "250 ok"]}
    message_id = world.ask()
    with pytest.raises(RetryLaterError):
        world.deliver(message_id)
    assert world.message(message_id).rendered_to == world.email
    moved: list[str] = []

    def move(name: str) -> None:
        if name == "before_claim" and not moved:
            moved.append(name)
            world.change(lambda session, lead, _: setattr(lead, "email", "new@example.jp"))

    outbox = Outbox(world.env, world.outbox._renderer, world.sender, world.tokens, URL, move)
    assert outbox.deliver(message_id, 1) == "sent"
    assert parse_mail("x", sink.mails[0]).to == "new@example.jp"
    with world.env.database.read() as session:
        assert len(session.exec(select(Link).where(Link.message_id == message_id)).all()) == 1


def test_outbox_sends_the_body_that_was_stored(world: World, sink: Sink) -> None:
    sink.replies = {"RCPT": ["451 later", "250 ok"]}
    message_id = world.ask()
    with pytest.raises(RetryLaterError):
        world.deliver(message_id)
    world.change(lambda session, lead, _: setattr(lead, "family_name", "変更"))
    assert world.deliver(message_id) == "sent"
    assert "山田" in parse_mail("x", sink.mails[0]).text


def test_outbox_shows_the_journey_where_the_template_names_it(world: World, sink: Sink) -> None:
    assert world.deliver(world.ask(template="begun")) == "sent"
    local = NOW.astimezone(ZoneInfo("Asia/Tokyo")).isoformat()
    assert f"begun {local}" in parse_mail("x", sink.mails[0]).text


def test_outbox_holds_mail_while_sales_works_but_not_answers(world: World, sink: Sink) -> None:
    nurture, service = world.ask(), world.ask(topic="service")
    world.change(lambda session, lead, _: setattr(lead, "in_sales", True))
    assert world.deliver(nurture) == "held"
    row = world.message(nurture)
    assert (row.reason, row.hold_until) == ("sales", NOW + timedelta(days=1))
    assert world.deliver(service) == "sent"


def test_outbox_holds_a_paused_journey(world: World) -> None:
    message_id = world.ask()
    world.change(lambda session, lead, enrolment: setattr(enrolment, "status", EnrolmentStatus.PAUSED))
    assert world.deliver(message_id) == "held"
    assert world.message(message_id).reason == "paused"


def test_outbox_holds_everything_under_the_kill_switch(world: World, sink: Sink) -> None:
    with world.env.database.write() as session:
        session.add(Setting(key="kill_switch", value={"on": True}))
    mail = world.ask(topic="service")
    notice = world.ask(kind="notice", template="notice:exit", topic=None, to_address="sato@acme.example")
    assert world.deliver(mail) == "held"
    with pytest.raises(RetryLaterError, match="kill_switch"):  # nobody would ask for a held notice again
        world.deliver(notice)
    with world.env.database.write() as session:
        session.get_one(Setting, "kill_switch").value = {"on": False}
    assert world.deliver(mail) == "held"
    world.clock.advance(minutes=11)
    assert [world.deliver(mail), world.deliver(notice)] == ["sent", "sent"]
    assert sink.accepted == 2


LIMITS = p.Limits(
    frequency={
        "nurture": p.Frequency(count=2, per=p.Span(amount=7, unit="days")),
        "all": p.Frequency(count=3, per=p.Span(amount=7, unit="days")),
    },
    send_window=p.SendWindow(calendar="office", timezone="lead"),
)


@pytest.fixture
def limited(tmp_path: Path, renderer: Renderer, sink: Sink) -> Iterator[World]:
    one = make_world(tmp_path, renderer, sink.port, limits=LIMITS)
    yield one
    one.sender.close()
    one.env.database.close()


def test_outbox_holds_until_the_window_opens_in_the_leads_zone(limited: World, sink: Sink) -> None:
    limited.clock.instant = datetime(2026, 11, 20, 10, tzinfo=UTC)  # Friday 19:00 in Tokyo
    message_id, service = limited.ask(), limited.ask(topic="service")
    assert limited.deliver(message_id) == "held"
    monday_is_a_holiday = datetime(2026, 11, 24, 0, tzinfo=UTC)
    row = limited.message(message_id)
    assert (row.reason, row.hold_until) == ("window", monday_is_a_holiday)
    assert limited.deliver(service) == "sent"
    limited.change(lambda session, lead, _: setattr(lead, "timezone", "Europe/Berlin"))
    assert limited.deliver(limited.ask()) == "sent"  # 11:00 in Berlin
    limited.clock.instant = monday_is_a_holiday + timedelta(hours=10)
    assert limited.deliver(message_id) == "sent"


def test_outbox_holds_until_the_caps_leave_room_and_the_window_is_open(limited: World) -> None:
    for _ in range(2):
        assert limited.deliver(limited.ask()) == "sent"
        assert limited.deliver(limited.ask(topic="service")) == "sent"  # exempt, not counted
        limited.clock.advance(days=1)
    held = limited.ask()
    assert limited.deliver(held) == "held"
    row = limited.message(held)
    tuesday_after_a_holiday = datetime(2026, 11, 24, 0, tzinfo=UTC)
    assert (row.reason, row.hold_until) == ("caps", tuesday_after_a_holiday)
    limited.clock.instant = tuesday_after_a_holiday
    assert limited.deliver(held) == "sent"
    assert limited.deliver(limited.ask()) == "held"


def test_outbox_counts_what_is_uncertain_against_the_caps(limited: World) -> None:
    for _ in range(2):
        limited.ask(status=MessageStatus.UNCERTAIN, claimed_at=NOW, sent_at=None)
    assert limited.deliver(limited.ask()) == "held"


def test_outbox_sends_notices_to_sales_without_tracking(world: World, sink: Sink) -> None:
    with world.env.database.write() as session:
        offer = Offer(
            offer_key="o",
            enrolment_id=world.enrolment_id,
            step_id="sales",
            visit=1,
            lead_id=world.lead_id,
            queue="inside-sales",
            assignee="sato@acme.example",
            offered_at=NOW,
            accept_by=NOW + timedelta(hours=4),
            reasons=[
                {
                    "model": "engagement",
                    "rule": "inquiry",
                    "points": 30,
                    "times": 1,
                    "last_at": NOW.isoformat(),
                }
            ],
        )
        session.add(offer)
    message_id = world.ask(
        kind="notice",
        template="notice:handoff",
        topic=None,
        to_address="sato@acme.example",
        reference=offer.id,
    )
    world.change(_no_consent)
    assert world.deliver(message_id) == "sent"
    mail = parse_mail("x", sink.mails[0])
    assert mail.to == "sato@acme.example"
    assert [link.url for link in mail.links] == [f"{URL}/sales/offers/{offer.id}"]
    assert (mail.images, mail.unsubscribe_url) == ((), None)
    assert "inquiry" in mail.text
    assert "2026-11-16 14:00" in mail.text
    with world.env.database.read() as session:
        assert session.exec(select(Event).where(Event.type == "email_sent")).all() == []


def test_outbox_skips_a_notice_of_a_journey_that_ended(world: World, sink: Sink) -> None:
    """Its offer was withdrawn: nobody should be asked to answer it."""
    message_id = world.ask(
        kind="notice", template="notice:exit", topic=None, to_address="sato@acme.example", reference="won"
    )
    world.change(_ended)
    assert world.deliver(message_id) == "skipped"
    assert sink.accepted == 0


def _deliver_and_die(url: str, port: int, message_id: str, fail_at: str) -> None:
    database = Database(url)
    env = Environment(database, ManualClock(), Keys(factories.SECRET), PublicationStore(database))
    sender = SmtpSender("127.0.0.1", port, security="none")
    Outbox(env, Renderer(), sender, Tokens(env.keys), URL, failpoint(fail_at)).deliver(message_id, 1)


@pytest.mark.parametrize(
    ("fail_at", "status", "handed_over"),
    [
        ("before_claim", "sent", 1),
        ("after_claim", "uncertain", 0),
        ("after_data", "uncertain", 1),
        ("after_250", "uncertain", 1),
        ("before_record", "uncertain", 1),
        ("after_record", "sent", 1),
    ],
)
def test_outbox_survives_death_at_each_point(
    world: World, sink: Sink, fail_at: str, status: str, handed_over: int
) -> None:
    message_id = world.ask()
    context = multiprocessing.get_context("spawn")
    process = context.Process(
        target=_deliver_and_die, args=(world.env.database.url, sink.port, message_id, fail_at)
    )
    process.start()
    process.join(60)
    assert process.exitcode == EXIT_CODE
    assert [world.deliver(message_id) for _ in range(2)] == [status] * 2
    assert len(sink.mails) == handed_over
    with world.env.database.read() as session:
        rows = session.exec(select(Message).where(col(Message.id) == message_id)).all()
    assert [row.status.value for row in rows] == [status]
