"""The checker: silent on a healthy database, loud for each thing broken by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy import text
from sqlmodel import Session, delete, select

from leadloop.delivery.mailbox import Mailbox
from leadloop.inbox.doctor import Report, examine
from leadloop.inbox.ingestion.visits import Visit, record_visits
from leadloop.keys import Keys
from leadloop.leads.consent import record_refusal, suppress
from leadloop.storage.columns import new_id
from leadloop.storage.environment import Environment
from leadloop.storage.publications import PublicationStore
from leadloop.storage.tables import (
    ArmedWait,
    Call,
    CallStatus,
    Consent,
    Due,
    Enrolment,
    Event,
    Lead,
    LeadScore,
    Message,
    MessageStatus,
    Offer,
    Operation,
    ScoreEntry,
    Setting,
    TopicSuppression,
    Turn,
    Wake,
)
from tests.databases import copy_database
from tests.factories import NOW, SECRET, ManualClock, make_environment, make_publication
from tests.inbox.driver import journeys, mails, report, settle

ADDRESS = "taro@kaisha.example"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, database_kind: str) -> tuple[Path, datetime]:
    """A lead that was nurtured, handed off, lost and recycled; another that waits after a first mail.

    Played once; returns the database's folder and the instant of its end.
    """
    clock, folder = ManualClock(), tmp_path_factory.mktemp("story")
    env = make_environment(folder, clock=clock)
    lead_id = _submit(env, ADDRESS)
    report(env, "email_clicked", lead_id=lead_id, message_id=mails(env)[0].id, source="tracking")
    settle(env, _hand_over)
    clock.advance(hours=2)
    report(env, "form_submitted", lead_id=lead_id, properties={"form": "contact"}, source="form")
    settle(env, _hand_over)
    report(env, "deal_lost", lead_id=lead_id, properties={"deal": "d1", "reason": "timing"}, source="sales")
    settle(env, _hand_over)
    clock.advance(days=70)
    settle(env, _hand_over)
    _submit(env, "hanako@kaisha.example")
    with env.database.write() as session:
        session.exec(delete(Wake))  # as the relay does
    env.database.close()
    return folder, clock.instant


@pytest.fixture
def story(played: tuple[Path, datetime], tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    """A copy of the played story, to be broken."""
    folder, clock.instant = played
    database = copy_database(folder, tmp_path)
    yield Environment(database, clock, Keys(SECRET), PublicationStore(database))
    database.close()


def _submit(env: Environment, email: str) -> str:
    result = report(
        env,
        "form_submitted",
        email=email,
        properties={"form": "whitepaper"},
        identity={"family_name": "山田", "consent": True},
        source="form",
    )
    settle(env, _hand_over)
    assert result.lead_id is not None
    return result.lead_id


def _hand_over(env: Environment, message_id: str) -> None:
    """Stand in for the outbox: claim and send at this instant."""
    with env.database.write() as session:
        message = session.get_one(Message, message_id)
        if message.status == MessageStatus.NEW:
            lead = session.get_one(Lead, message.lead_id)
            message.status = MessageStatus.SENT
            message.rendered_to = message.to_address or lead.email
            message.claimed_at = message.sent_at = env.clock.now()
            session.add(message)


def problems(found: Report, name: str) -> list[str]:
    """Return the problems of one check; every other check must be silent."""
    assert {check.name for check in found.checks if not check.ok} <= {name}, found.problems
    return next(check.problems for check in found.checks if check.name == name)


def broken(env: Environment, name: str, damage: Callable[[Session], object]) -> str:
    """Damage a healthy database, and return the one problem that the named check finds."""
    assert examine(env).problems == []
    with env.database.write() as session:
        damage(session)
    (problem,) = problems(examine(env), name)
    return problem


def first_mail(session: Session) -> Message:
    return session.exec(select(Message).where(Message.kind == "mail").order_by(Message.id)).first() or _none()


def waiting(session: Session) -> Enrolment:
    """The journey that waits for a click."""
    found = session.exec(select(Enrolment).join(ArmedWait).where(Enrolment.scenario == "whitepaper-nurture"))
    return found.first() or _none()


def _none() -> NoReturn:
    raise AssertionError("the story lacks the row")


def test_healthy_story_has_no_problem_though_every_check_saw_rows(story: Environment, tmp_path: Path) -> None:
    box = Mailbox(tmp_path / "mailbox")
    for message in mails(story):
        box.store(f"X-Leadloop-Message: {message.id}\r\n\r\nhello".encode(), ADDRESS)
    with story.database.write() as session:
        suppress(session, story, "nobody@kaisha.example", "hard_bounce", NOW)
        session.add(_call(waiting(session), CallStatus.DONE))
        session.add(_due(waiting(session).lead_id, story.clock.now() + timedelta(days=1)))
        session.add(_pause(waiting(session).lead_id, story.clock.now()))
        session.add(_backfill("", finished=True))
        session.add(Lead(id="erased", created_at=NOW, erased_at=NOW))
        session.add(Operation(at=NOW, by="sato", action="start_sending"))
    _submit_without_delivery(story)
    found = examine(story, tmp_path / "mailbox")
    assert found.problems == []
    assert found.ok
    assert {check.name: check.count for check in found.checks if check.count == 0} == {}


def _call(journey: Enrolment, status: CallStatus) -> Call:
    return Call(
        call_key="c1", kind="webhook", enrolment_id=journey.id, publication_id=journey.publication_id,
        step_id="hook", visit=1, lead_id=journey.lead_id, scenario=journey.scenario, to="crm",
        status=status, created_at=NOW,
    )  # fmt: skip


def test_call_that_nobody_makes_is_found(story: Environment) -> None:
    problem = broken(
        story, "calls_settled", lambda session: session.add(_call(waiting(session), CallStatus.CALLING))
    )
    assert "does not make it" in problem


def _due(lead_id: str, at: datetime, kind: str = "waiting") -> Due:
    return Due(key="waiting:x", lead_id=lead_id, kind=kind, due_at=at, detail={"scenario": "dormant"})


def _pause(lead_id: str, at: datetime, topic: str = "nurture", **values: Any) -> TopicSuppression:
    return TopicSuppression(
        suppression_key="k", lead_id=lead_id, topic=topic, reason="sunset", at=at, **values
    )


def _backfill(cursor: str, **values: object) -> Setting:
    """Notes of a publication that went live when the story ended."""
    since = datetime(2027, 1, 25, 3, tzinfo=UTC).isoformat()
    notes = {"publication": "p", "base": None, "round_id": "r", "since": since, "cursor": cursor}
    return Setting(key="backfill", value=notes | values)


def test_call_that_is_tried_for_days_is_found(story: Environment, clock: ManualClock) -> None:
    with story.database.write() as session:
        journey, call = waiting(session), _call(waiting(session), CallStatus.CALLING)
        call.created_at = clock.now()
        session.add(call)
        session.flush()
        journey.next = {"kind": "call", "call_id": call.id}
        session.get_one(Turn, (journey.id, journey.turn_no)).next = journey.next
    assert examine(story).problems == []
    clock.advance(days=2, minutes=1)
    (problem,) = problems(examine(story), "calls_settled")
    assert "though its day is over" in problem


def test_waiting_entry_whose_time_went_by_is_found(story: Environment, clock: ManualClock) -> None:
    with story.database.write() as session:
        session.add(_due(waiting(session).lead_id, clock.now()))
    assert examine(story).problems == []
    clock.advance(hours=1, minutes=1)
    (problem,) = problems(examine(story), "due_carried_out")
    assert "waiting entry of dormant was due" in problem


def test_backfill_that_stands_still_is_found(story: Environment, clock: ManualClock) -> None:
    with story.database.write() as session:
        session.add(_backfill(""))
    assert examine(story).problems == []
    clock.advance(hours=4)
    (problem,) = problems(examine(story), "backfill_goes_on")
    assert "leads are not looked at" in problem


def test_clock_that_stands_still_without_sales_is_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        waiting(session).locked_at = NOW

    assert "its clock stands still" in broken(story, "clocks_run", damage)


def test_clock_that_stands_still_while_sales_works_is_fine(story: Environment) -> None:
    with story.database.write() as session:
        journey = waiting(session)
        journey.locked_at, journey.due_at, journey.stops = NOW, None, {"sales": "freeze"}
        session.get_one(Lead, journey.lead_id).in_sales = True
    assert examine(story).problems == []


def test_mail_of_a_topic_that_we_stopped_is_found(story: Environment) -> None:
    mail = next(one for one in mails(story) if one.topic == "nurture")
    assert mail.claimed_at is not None
    after = story.clock.now()
    with story.database.write() as session:
        session.add(_pause(mail.lead_id, after))
        session.add(_pause(mail.lead_id, mail.claimed_at - timedelta(days=1), topic="other"))
    assert examine(story).problems == []
    with story.database.write() as session:
        session.exec(delete(TopicSuppression))
        session.add(_pause(mail.lead_id, mail.claimed_at - timedelta(minutes=1)))
    assert any(mail.id in problem for problem in problems(examine(story), "pauses_hold"))


def test_pause_that_nothing_lifted_is_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        now = story.clock.now()
        session.add(_pause(waiting(session).lead_id, now, lifted_at=now, lifted_by="gone"))

    assert "lifted without its event" in broken(story, "pauses_hold", damage)


def test_second_open_journey_of_a_company_is_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        session.exec(text("DROP INDEX uq_enrolment_open"))  # type: ignore[call-overload]
        journey = waiting(session)
        journey.subject_key = "company:c1"
        other = next(lead for lead in session.exec(select(Lead)).all() if lead.id != journey.lead_id)
        values = journey.model_dump(exclude={"id", "cause_event_id", "turn_no", "next", "lead_id"})
        session.add(Enrolment(**values, id=new_id(), lead_id=other.id))

    assert "company:c1: 2 open journeys in whitepaper-nurture" in broken(story, "one_open_journey", damage)


def test_problems_name_no_personal_data(story: Environment) -> None:
    with story.database.write() as session:
        suppress(session, story, ADDRESS, "complaint", NOW - timedelta(days=1))
    for problem in problems(examine(story), "no_mail_to_suppressed"):
        assert "kaisha" not in problem
        assert "complaint" in problem


def test_message_handed_over_twice_is_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        values = first_mail(session).model_dump(exclude={"id", "send_key"})
        session.add(Message(**values, id=new_id(), send_key="another"))

    assert "2 times (mail)" in broken(story, "handed_over_once", damage)


def test_mail_delivered_twice_is_found(story: Environment, tmp_path: Path) -> None:
    box, (message, *_rest) = Mailbox(tmp_path / "mailbox"), mails(story)
    for _ in range(2):
        box.store(f"X-Leadloop-Message: {message.id}\r\n\r\nhello".encode(), ADDRESS)
    (problem,) = problems(examine(story, tmp_path / "mailbox"), "mailbox_agrees")
    assert problem == f"message {message.id}: delivered 2 times"


@pytest.mark.parametrize("status", [MessageStatus.SKIPPED, MessageStatus.FAILED])
def test_mail_delivered_against_its_row_is_found(
    story: Environment, tmp_path: Path, status: MessageStatus
) -> None:
    message = mails(story)[0]
    Mailbox(tmp_path / "mailbox").store(f"X-Leadloop-Message: {message.id}\r\n\r\nhello".encode(), ADDRESS)
    with story.database.write() as session:
        session.get_one(Message, message.id).status = status
    (problem,) = problems(examine(story, tmp_path / "mailbox"), "mailbox_agrees")
    assert status.value in problem


def test_mail_without_a_row_is_found_and_foreign_mail_is_not_minded(
    story: Environment, tmp_path: Path
) -> None:
    box = Mailbox(tmp_path / "mailbox")
    box.store(b"X-Leadloop-Message: unknown\r\n\r\nhello", ADDRESS)
    box.store(b"Subject: from somebody else\r\n\r\nhello", ADDRESS)
    (problem,) = problems(examine(story, tmp_path / "mailbox"), "mailbox_agrees")
    assert "no such row" in problem


def test_new_message_that_no_journey_hands_over_is_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        first_mail(session).status = MessageStatus.NEW

    assert "does not hand it over" in broken(story, "outbox_settled", damage)


def test_new_message_that_its_journey_hands_over_is_fine(env: Environment) -> None:
    _submit_without_delivery(env)
    assert mails(env)[0].status == MessageStatus.NEW
    assert examine(env).problems == []


def test_claim_past_its_lease_is_found(env: Environment, clock: ManualClock) -> None:
    _submit_without_delivery(env)
    with env.database.write() as session:
        message = first_mail(session)
        message.status, message.claimed_at = MessageStatus.SENDING, clock.now()
    clock.advance(minutes=14)
    assert examine(env).problems == []
    clock.advance(minutes=2)
    (problem,) = problems(examine(env), "outbox_settled")
    assert "more than 15 minutes" in problem


@pytest.mark.parametrize(
    ("ended", "hold", "words"),
    [(False, None, "held without an end"), (True, NOW + timedelta(days=1), "its journey has ended")],
)
def test_message_held_for_ever_is_found(story: Environment, ended: bool, hold: object, words: str) -> None:
    def damage(session: Session) -> None:
        statement = select(Message).join(Enrolment).where(Message.kind == "mail")
        for message in session.exec(statement).all():
            journey = session.get_one(Enrolment, message.enrolment_id)
            if (journey.status == "ended") == ended:
                message.status, message.hold_until = MessageStatus.HELD, hold  # type: ignore[assignment]
                return

    assert words in broken(story, "outbox_settled", damage)


def _submit_without_delivery(env: Environment) -> None:
    report(env, "form_submitted", email="new@x.example", properties={"form": "whitepaper"}, source="form")
    settle(env, lambda _env, _message_id: None)


@pytest.mark.parametrize("change", [{"points": 99}, {"band": "hot"}])
def test_score_that_its_ledger_does_not_give_is_found(story: Environment, change: dict[str, object]) -> None:
    def damage(session: Session) -> None:
        row = session.exec(select(LeadScore)).first()
        assert row is not None
        for name, value in change.items():
            setattr(row, name, value)

    assert "the ledger gives" in broken(story, "scores_follow_ledger", damage)


def test_points_without_a_reading_are_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        lead = session.exec(select(Lead).where(Lead.email == "hanako@kaisha.example")).one()
        session.add(ScoreEntry(entry_key="k", lead_id=lead.id, model="engagement", rule_id="r", points=1,
                               ruleset_digest="", at=NOW))  # fmt: skip

    assert "never read" in broken(story, "scores_follow_ledger", damage)


def test_points_of_an_older_publication_are_no_breach(story: Environment, clock: ManualClock) -> None:
    from leadloop.storage.publications import publish

    scoring = make_publication().scoring
    model = scoring.models["engagement"].model_copy(update={"half_life": None, "cap": 3})
    changed = scoring.model_copy(update={"models": {"engagement": model}})
    clock.advance(days=1)
    with story.database.write() as session:
        publish(session, make_publication(scoring=changed), "tests", clock.now())
    assert examine(story).problems == []


def test_points_given_twice_are_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        entry = session.exec(select(ScoreEntry).where(ScoreEntry.rule_id == "mail-click")).one()
        values = entry.model_dump(exclude={"id", "entry_key"})
        session.add(ScoreEntry(**values, id="0", entry_key="again"))  # before the reset: no score changes

    assert "2 entries" in broken(story, "points_given_once", damage)


def test_journey_with_an_unknown_status_is_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        row = next(one for one in session.exec(select(Enrolment)).all() if one.outcome)
        session.exec(text("UPDATE enrolment SET status = 'gone' WHERE id = :id").bindparams(id=row.id))  # type: ignore[call-overload]

    with story.database.write() as session:
        damage(session)
    names = {check.name for check in examine(story).checks if not check.ok}
    assert "journeys_add_up" in names


def test_ended_journey_without_an_outcome_is_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        next(one for one in session.exec(select(Enrolment)).all() if one.outcome).outcome = None

    assert "ended with outcome None" in broken(story, "journeys_add_up", damage)


def test_journey_that_waits_for_nothing_is_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        journey = waiting(session)
        journey.due_at = None
        for arm in session.exec(select(ArmedWait).where(ArmedWait.enrolment_id == journey.id)).all():
            session.delete(arm)

    assert "waits for nothing" in broken(story, "journeys_go_on", damage)


def test_wake_is_enough_to_go_on(story: Environment) -> None:
    with story.database.write() as session:
        journey = waiting(session)
        journey.due_at = None
        for arm in session.exec(select(ArmedWait)).all():
            session.delete(arm)
        session.merge(Wake(enrolment_id=journey.id, asked_at=NOW))
    assert examine(story).problems == []


def test_journey_that_never_began_is_found(env: Environment, clock: ManualClock) -> None:
    from leadloop.inbox.applier import apply_once

    report(env, "form_submitted", email=ADDRESS, properties={"form": "whitepaper"}, source="form")
    apply_once(env)
    with env.database.write() as session:
        session.delete(session.exec(select(Wake)).one())
    assert examine(env).problems == []
    clock.advance(minutes=16)
    (problem,) = problems(examine(env), "journeys_go_on")
    assert "first turn" in problem


def test_journey_that_stays_after_its_message_is_found(env: Environment, clock: ManualClock) -> None:
    _submit_without_delivery(env)
    with env.database.write() as session:
        session.delete(session.exec(select(Wake)).one())
    _hand_over(env, mails(env)[0].id)
    assert examine(env).problems == []
    clock.advance(minutes=16)
    (problem,) = problems(examine(env), "journeys_go_on")
    assert "after its message was sent" in problem


def test_held_journey_without_a_reason_is_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        waiting(session).status = "held"  # type: ignore[assignment]

    assert "held without a reason" in broken(story, "journeys_go_on", damage)


def test_second_open_journey_is_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        session.exec(text("DROP INDEX uq_enrolment_open"))  # type: ignore[call-overload]
        values = waiting(session).model_dump(exclude={"id", "cause_event_id", "turn_no", "next"})
        session.add(Enrolment(**values, id=new_id()))

    assert "2 open journeys in whitepaper-nurture" in broken(story, "one_open_journey", damage)


@pytest.mark.parametrize(("change", "words"), [("delete", "but 1 turns"), ("next", "another next step")])
def test_missing_or_other_turn_is_found(story: Environment, change: str, words: str) -> None:
    def damage(session: Session) -> None:
        journey = waiting(session)
        if change == "delete":
            session.delete(session.get_one(Turn, (journey.id, journey.turn_no)))
        else:
            session.get_one(Turn, (journey.id, journey.turn_no)).next = {"kind": "end"}

    assert words in broken(story, "turns_are_dense", damage)


def test_second_offer_of_a_visit_is_found(story: Environment) -> None:
    def damage(session: Session) -> None:
        values = session.exec(select(Offer)).one().model_dump(exclude={"id", "offer_key"})
        session.add(Offer(**values, id=new_id(), offer_key="another"))

    assert "2 offers" in broken(story, "one_offer_per_visit", damage)


@pytest.mark.parametrize("topic", ["service", "*"])
def test_mail_after_a_refusal_is_found(story: Environment, topic: str) -> None:
    def damage(session: Session) -> None:
        mail = next(one for one in session.exec(select(Message)).all() if one.topic == "service")
        assert mail.claimed_at is not None
        session.exec(text("DELETE FROM consent WHERE basis = 'request'"))  # type: ignore[call-overload]
        record_refusal(session, mail.lead_id, topic, None, mail.claimed_at - timedelta(seconds=1))

    assert examine(story).problems == []
    with story.database.write() as session:
        damage(session)
    assert problems(examine(story), "no_mail_after_refusal")


@pytest.mark.parametrize(("basis", "breaches"), [("opt_in", 0), ("published", 1)])
def test_mail_after_a_refusal_is_fine_with_a_newer_basis_of_its_topic(
    story: Environment, basis: str, breaches: int
) -> None:
    with story.database.write() as session:
        mail = next(one for one in session.exec(select(Message)).all() if one.topic == "nurture")
        assert mail.claimed_at is not None
        refused_at = mail.claimed_at - timedelta(minutes=2)
        for earlier in session.exec(select(Consent).where(Consent.lead_id == mail.lead_id)).all():
            earlier.at = refused_at - timedelta(days=1)
            session.add(earlier)
        record_refusal(session, mail.lead_id, "nurture", None, refused_at)
        at = refused_at + timedelta(minutes=1)
        session.add(Consent(lead_id=mail.lead_id, topic="nurture", basis=basis, at=at))
    assert len(problems(examine(story), "no_mail_after_refusal")) == breaches


def test_mail_at_the_instant_of_a_new_permission_is_fine(story: Environment) -> None:
    with story.database.write() as session:
        mail = session.exec(select(Message).where(Message.kind == "mail", Message.topic == "nurture")).first()
        assert mail is not None
        assert mail.claimed_at is not None
        record_refusal(session, mail.lead_id, "nurture", None, mail.claimed_at - timedelta(minutes=2))
        session.add(Consent(lead_id=mail.lead_id, topic="nurture", basis="opt_in", at=mail.claimed_at))
    assert problems(examine(story), "no_mail_after_refusal") == []


def test_mail_before_a_refusal_came_in_is_fine(story: Environment, clock: ManualClock) -> None:
    mail = mails(story)[0]
    report(
        story,
        "unsubscribed",
        lead_id=mail.lead_id,
        properties={"topic": "*"},
        source="tracking",
        occurred_at=mail.created_at - timedelta(hours=1),
    )
    settle(story, _hand_over)
    assert examine(story).problems == []


def test_mail_to_a_suppressed_address_is_found_only_after_it(story: Environment) -> None:
    mail = mails(story)[0]
    assert mail.claimed_at is not None
    with story.database.write() as session:
        suppress(session, story, "hanako@kaisha.example", "hard_bounce", NOW + timedelta(days=400))
    assert examine(story).problems == []
    with story.database.write() as session:
        suppress(session, story, ADDRESS, "hard_bounce", mail.claimed_at - timedelta(seconds=1))
    found = problems(examine(story), "no_mail_to_suppressed")
    assert len(found) == sum(one.lead_id == mail.lead_id for one in mails(story))


def test_event_of_a_visitor_has_no_number_and_no_problem(story: Environment) -> None:
    with story.database.write() as session:
        told = record_visits(session, story, "a" * 32, [Visit("b" * 32, "page_viewed", {"path": "/"})])
    assert [one.status for one in told] == ["accepted"]
    assert examine(story).problems == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lead_seq": 1}, "2 events have number 1"),
        ({"lead_seq": None}, "applied without a number"),
        ({"lead_seq": 999}, "the lead's newest is"),
    ],
)
def test_event_out_of_order_is_found(story: Environment, values: dict[str, int | None], words: str) -> None:
    def damage(session: Session) -> None:
        event = session.exec(select(Event).where(Event.type == "deal_lost")).one()
        event.lead_seq = values["lead_seq"]

    assert words in broken(story, "events_in_order", damage)


def test_report_as_json(story: Environment) -> None:
    document = examine(story).as_json()
    assert document["ok"] is True
    assert {"name", "ok", "count", "problems", "title"} == set(document["checks"][0])
    assert journeys(story)
