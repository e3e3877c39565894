"""What the pruner removes, what it keeps and why, and when it works."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from leadloop.inbox.ingestion.visits import Visit, record_visits
from leadloop.inbox.pruning.pruner import BETWEEN_PASSES, Pruner, prune
from leadloop.inbox.pruning.retention import Retention
from leadloop.inbox.relaying.due_rows import WAITING
from leadloop.language import plan as p
from leadloop.leads.visitors import identify_visitor
from leadloop.storage.columns import earliest_id, new_id
from leadloop.storage.environment import Environment
from leadloop.storage.publications import publish
from leadloop.storage.tables import (
    ArmedWait,
    Consent,
    Due,
    Enrolment,
    EnrolmentStatus,
    Event,
    EventKey,
    Lead,
    Message,
    MessageStatus,
    ScoreEntry,
    Turn,
    Visitor,
)
from tests.factories import (
    NOW,
    ManualClock,
    make_enrolment,
    make_lead,
    make_message,
    make_publication,
    make_score_entry,
)
from tests.inbox.driver import report, settle

MONTH = Retention(events=30, scores=30, turns=30, bodies=30, event_keys=30)


@pytest.fixture
def lead(env: Environment) -> Lead:
    with env.database.write() as session:
        return make_lead(session, env)


def make_event(session: Session, lead: Lead, days_old: int = 400, **values: Any) -> Event:
    """Add an applied event of long ago."""
    at = NOW - timedelta(days=days_old)
    usual: dict[str, Any] = {
        "subject_id": lead.id, "lead_id": lead.id, "lead_seq": 1, "type": "page_viewed", "source": "api",
        "occurred_at": at, "received_at": at, "applied_at": at,
    }  # fmt: skip
    row = Event(**(usual | values))
    session.add(row)
    session.flush()
    return row


def pruned(env: Environment, retention: Retention = MONTH) -> dict[str, int]:
    """Prune once; return the rows that went, by table."""
    rows: dict[str, int] = {}
    for step in prune(env, retention):
        rows[step.table] = rows.get(step.table, 0) + step.rows
    return {table: number for table, number in rows.items() if number}


def is_there(env: Environment, row: Any) -> bool:
    with env.database.read() as session:
        return session.get(type(row), row.id) is not None


def ask_for_ever(env: Environment, event_type: str, **question: Any) -> None:
    """Publish a segment of those who did it."""
    name = "did.a1"
    asked = p.Did(match=p.EventMatch(event=event_type), **question)
    when = p.Expression(source=name, variables={name: "bool"}, did={name: asked})
    with env.database.write() as session:
        publish(session, make_publication(segments={"s": p.Segment(when=when)}), "tests", env.clock.now())


def test_old_events_go_and_young_ones_stay(env: Environment, lead: Lead) -> None:
    with env.database.write() as session:
        old, young = make_event(session, lead), make_event(session, lead, 29)
        late = make_event(session, lead, 29, occurred_at=NOW - timedelta(days=900))
        waiting = make_event(session, lead, applied_at=None)
    assert pruned(env) == {"event": 1}
    assert not is_there(env, old)
    assert all(is_there(env, row) for row in (young, late, waiting))
    assert pruned(env) == {}


def test_visitors_that_never_said_who_they_are_go_with_what_they_did(
    env: Environment, clock: ManualClock
) -> None:
    """Also what a question asks for without an end: it will never be about anybody."""
    ask_for_ever(env, "page_viewed")
    for browser in "abc":
        look(env, browser, 1)
    clock.advance(days=60)
    with env.database.write() as session:
        lead = make_lead(session, env)
        identify_visitor(session, env, "b" * 32, lead, clock.now())
    settle(env)
    look(env, "c", 2)
    clock.advance(days=31)
    assert pruned(env, Retention(events=1))["visitor"] == 4  # the first visit of each, and one visitor
    with env.database.read() as session:
        views = select(Event).where(Event.type == "page_viewed").order_by(Event.id)
        visitors = {row.visitor_hmac: row for row in session.exec(select(Visitor)).all()}
        left = [(row.subject_id, row.properties) for row in session.exec(views).all()]
    known, returned = (visitors[env.keys.hash("identity", f"visitor:{one * 32}")] for one in "bc")
    assert len(visitors) == 2
    assert left == [(lead.id, {"path": "/1"}), (returned.id, {"path": "/2"})]
    assert known.lead_id == lead.id
    assert pruned(env, Retention(events=1)) == {}


def look(env: Environment, browser: str, number: int) -> None:
    with env.database.write() as session:
        visit = Visit(f"{browser}{number}" * 16, "page_viewed", {"path": f"/{number}"})
        (told,) = record_visits(session, env, browser * 32, [visit])
        assert told.status == "accepted"


def test_retention_of_zero_keeps_everything(env: Environment, lead: Lead) -> None:
    with env.database.write() as session:
        make_event(session, lead)
    assert pruned(env, Retention()) == {}


def test_event_stays_while_a_condition_counts_it(env: Environment, lead: Lead) -> None:
    ask_for_ever(env, "page_viewed", within=p.Span(amount=14, unit="months"))
    with env.database.write() as session:
        counted, old = make_event(session, lead, 400), make_event(session, lead, 600)
    assert pruned(env) == {"event": 1}
    assert is_there(env, counted)
    assert not is_there(env, old)


def test_event_stays_whose_type_is_asked_for_without_an_end(env: Environment, lead: Lead) -> None:
    ask_for_ever(env, "page_viewed")
    with env.database.write() as session:
        make_event(session, lead)
        other = make_event(session, lead, type="email_opened")
    assert pruned(env) == {"event": 1}
    assert not is_there(env, other)


@pytest.mark.parametrize(("status", "kept"), [(EnrolmentStatus.HELD, True), (EnrolmentStatus.ENDED, False)])
def test_event_stays_while_an_open_journey_may_look_back_to_it(
    env: Environment, lead: Lead, status: EnrolmentStatus, kept: bool
) -> None:
    with env.database.write() as session:
        cause = make_event(session, lead, lead_seq=4, type="form_submitted")
        before = make_event(session, lead, lead_seq=3, type="email_clicked")
        after = make_event(session, lead, lead_seq=5, type="email_clicked")
        never_asked = make_event(session, lead, lead_seq=6, type="task_done")
        make_enrolment(
            session, env.publications.current(session).id, lead, "whitepaper-nurture", status=status,
            entered_seq=4, cause_event_id=cause.id,
        )  # fmt: skip
    pruned(env)
    assert (is_there(env, cause), is_there(env, after)) == (kept, kept)
    assert (is_there(env, before), is_there(env, never_asked)) == (False, False)


def test_event_stays_that_others_point_to(env: Environment, lead: Lead) -> None:
    with env.database.write() as session:
        proof, met, waiting, free = (make_event(session, lead, type="task_done") for _ in range(4))
        session.add(Consent(lead_id=lead.id, topic="*", basis="opt_in", at=NOW, event_id=proof.id))
        journey = make_enrolment(session, env.publications.current(session).id, lead)
        session.add(
            ArmedWait(
                enrolment_id=journey.id,
                turn_no=1,
                branch=0,
                lead_id=lead.id,
                since_seq=0,
                satisfied_by=met.id,
            )
        )
        detail = {"event": waiting.id}
        session.add(Due(key="w", lead_id=lead.id, kind=WAITING, due_at=NOW, detail=detail))
    assert pruned(env) == {"event": 1}
    assert not is_there(env, free)
    assert all(is_there(env, row) for row in (proof, met, waiting))


@pytest.mark.parametrize(("message", "noted"), [("m1", "m1"), (None, "")])
def test_line_of_a_score_outlives_its_event_and_knows_its_message(
    env: Environment, lead: Lead, message: str | None, noted: str
) -> None:
    with env.database.write() as session:
        event = make_event(session, lead, message_id=message)
        line = make_score_entry(session, lead, event_id=event.id)  # as an older leadloop wrote it
    assert pruned(env, Retention(events=30)) == {"event": 1}
    with env.database.read() as session:
        assert session.get_one(ScoreEntry, line.id).message_id == noted


def test_turns_go_but_for_the_last(env: Environment, clock: ManualClock, lead: Lead) -> None:
    form = {"form": "whitepaper"}
    report(env, "form_submitted", lead_id=lead.id, properties=form, source="form", trust="verified")
    settle(env)
    with env.database.read() as session:
        before = session.exec(select(Turn)).all()
        heads = set(session.exec(select(Enrolment.id, Enrolment.turn_no)).all())
    clock.advance(days=60)
    assert pruned(env)["turn"] == len(before) - len(heads) > 0
    with env.database.read() as session:
        assert set(session.exec(select(Turn.enrolment_id, Turn.turn_no)).all()) == heads


@pytest.mark.parametrize(
    ("status", "gone"),
    [(MessageStatus.SENT, True), (MessageStatus.HELD, False), (MessageStatus.UNCERTAIN, False)],
)
def test_texts_of_finished_messages_go(
    env: Environment, clock: ManualClock, lead: Lead, status: MessageStatus, gone: bool
) -> None:
    with env.database.write() as session:
        journey = make_enrolment(session, env.publications.current(session).id, lead)
        row = make_message(session, journey, status=status, text_body="本文", html_body="<p>本文</p>")
    assert pruned(env) == {}
    clock.advance(days=31)
    assert pruned(env) == ({"message": 1} if gone else {})
    with env.database.read() as session:
        kept = session.get_one(Message, row.id)
        assert (kept.text_body is None, kept.subject) == (gone, "資料をお届けします")


def test_keys_of_old_events_go_but_not_the_engines_own(env: Environment) -> None:
    old = earliest_id(NOW - timedelta(days=31)) + "-7000-8000-000000000000"
    with env.database.write() as session:
        for source, event_id in (("api", old), ("engine", old), ("form", earliest_id(NOW))):
            session.add(EventKey(source=source, external_id="k", body_hmac="", event_id=event_id))
    assert pruned(env) == {"event_key": 1}
    with env.database.read() as session:
        assert set(session.exec(select(EventKey.source)).all()) == {"engine", "form"}


def test_earliest_id_lies_between_the_ids_of_before_and_after() -> None:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    made = new_id()
    assert earliest_id(now - timedelta(seconds=1)) < made < earliest_id(now + timedelta(seconds=60))


def test_many_batches_remove_all_that_is_old(env: Environment, lead: Lead) -> None:
    with env.database.write() as session:
        for _ in range(1200):
            make_event(session, lead)
        young = make_event(session, lead, 1)
    steps = [step for step in prune(env, MONTH) if step.table == "event"]
    assert sum(step.rows for step in steps) == 1200
    assert max(step.rows for step in steps) <= 500
    assert is_there(env, young)


def test_pruner_makes_one_pass_a_day_in_one_process(env: Environment, clock: ManualClock, lead: Lead) -> None:
    mine, theirs = Pruner(env, MONTH), Pruner(env, MONTH)
    with env.database.write() as session:
        first = make_event(session, lead)
    theirs_began = False
    for _ in range(20):
        mine.run_batch()
        theirs.run_batch()
        theirs_began = theirs_began or theirs._pass is not None
    assert not is_there(env, first)
    assert not theirs_began
    with env.database.write() as session:
        second = make_event(session, lead)
    mine.run_batch()
    assert is_there(env, second)
    clock.advance(seconds=BETWEEN_PASSES.total_seconds() + 1)
    for _ in range(20):
        theirs.run_batch()
    assert not is_there(env, second)


def test_pruner_rests_where_time_is_warped(env: Environment, clock: ManualClock, lead: Lead) -> None:
    with env.database.write() as session:
        event = make_event(session, lead)
    clock.warped = True
    pruner = Pruner(env, MONTH)
    for _ in range(10):
        pruner.run_batch()
    assert is_there(env, event)
