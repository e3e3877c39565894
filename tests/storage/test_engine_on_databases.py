"""The engine's transactions on SQLite and on PostgreSQL: schema, turns, locks, unique keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, col, delete, select

from leadloop.inbox.applier import apply_once
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.storage.database import Database, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import SCHEMA, check_schema, revision, upgrade
from leadloop.storage.tables import EnrolmentStatus, Event, Lead, ScoreEntry, Wake
from tests.factories import NOW, ManualClock, make_enrolment, make_lead
from tests.inbox.driver import events, journeys, mails, report, settle, turn

_T = TypeVar("_T")


def test_migration_makes_the_tables_of_the_code(database: Database) -> None:
    upgrade(database)
    assert revision(database) == SCHEMA
    check_schema(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def _form(name: str, form: str = "whitepaper") -> IncomingEvent:
    return IncomingEvent(
        "form_submitted",
        properties={"form": form},
        email=f"{name}@kaisha.example",
        identity={"family_name": "山田", "consent": True},
        source="form",
        trust="verified",
    )


def test_journey_runs_to_its_end(migrated: Environment, clock: ManualClock) -> None:
    with migrated.database.write() as session:
        ingest(session, migrated, [_form("taro")])
    settle(migrated)
    clock.advance(days=6)
    settle(migrated)
    (journey,) = journeys(migrated)
    assert (journey.status, journey.outcome) == (EnrolmentStatus.ENDED, "completed")
    assert [mail.template for mail in mails(migrated)] == ["thanks", "case"]


def test_turn_taken_by_many_is_committed_once(migrated: Environment) -> None:
    with migrated.database.write() as session:
        ingest(session, migrated, [_form("taro")])
    apply_once(migrated)
    (journey,) = journeys(migrated)
    replies = _at_once(8, lambda: turn(migrated, journey.id, 1))
    assert {reply.turn_no for reply in replies} == {1}
    assert len({reply.next.message_id for reply in replies}) == 1
    assert len(mails(migrated)) == 1


def test_lead_locked_by_many_loses_no_update(migrated: Environment) -> None:
    """Taken away by hand: without `FOR UPDATE` the counter ends at 11 on PostgreSQL; without
    `BEGIN IMMEDIATE` SQLite refuses writers ("database is locked"), whose reads are out of date.
    """
    with migrated.database.write() as session:
        lead_id = make_lead(session, migrated).id

    def count_up() -> None:
        for _ in range(5):
            with migrated.database.write() as session:
                lead = lock_lead(session, lead_id)
                lead.last_seq += 1
                session.add(lead)

    _at_once(8, count_up)
    with migrated.database.read() as session:
        assert session.get_one(Lead, lead_id).last_seq == 40


def test_t6_lead_entered_many_times_at_once_has_one_journey(migrated: Environment) -> None:
    count = 100 if migrated.database.is_sqlite else 40

    def enter() -> None:
        with migrated.database.write() as session:
            ingest(session, migrated, [_form("taro")])
        apply_once(migrated)

    _at_once(count, enter)
    while apply_once(migrated):
        pass
    assert len(journeys(migrated, "whitepaper-nurture")) == 1
    submitted = events(migrated, "form_submitted")
    assert len(submitted) == count
    assert {event.parked for event in submitted} == {None}
    assert len({event.lead_id for event in submitted}) == 1
    assert len({event.lead_seq for event in submitted}) == count


def test_open_journey_is_unique_by_the_database(migrated: Environment) -> None:
    with migrated.database.write() as session:
        lead = make_lead(session, migrated)
        publication = migrated.publications.current(session).id
        make_enrolment(session, publication, lead, status=EnrolmentStatus.ENDED)
        make_enrolment(session, publication, lead)
        lead_id = lead.id
    with pytest.raises(IntegrityError), migrated.database.write() as session:
        make_enrolment(session, publication, session.get_one(Lead, lead_id))


def test_wake_asked_while_the_relay_deletes_it_is_kept(migrated: Environment) -> None:
    """The relay holds no lead lock: asking again must neither fail nor be lost."""
    with migrated.database.write() as session:
        lead = make_lead(session, migrated)
        journey = make_enrolment(session, migrated.publications.current(session).id, lead)
        ask_wake(session, journey.id, NOW)
    stop = threading.Event()

    def forget() -> None:
        while not stop.is_set():
            with migrated.database.write() as session:
                token = session.exec(select(Wake.token)).first()
                session.exec(delete(Wake).where(col(Wake.token) == token))

    def ask() -> None:
        try:
            for _ in range(60):
                with migrated.database.write() as session:
                    lock_lead(session, lead.id)
                    ask_wake(session, journey.id, NOW)
        finally:
            stop.set()

    with ThreadPoolExecutor(2) as threads:
        for future in [threads.submit(forget), threads.submit(ask)]:
            future.result()


def test_scores_of_one_lead_from_many_writers_all_count(migrated: Environment) -> None:
    with migrated.database.write() as session:
        lead_id = make_lead(session, migrated).id

    def visit() -> None:
        report(migrated, "page_viewed", lead_id=lead_id, properties={"path": "/"})
        apply_once(migrated)

    _at_once(12, visit)
    while apply_once(migrated):
        pass
    with migrated.database.read() as session:
        entries = session.exec(select(ScoreEntry).where(ScoreEntry.lead_id == lead_id)).all()
        seqs = session.exec(select(Event.lead_seq).where(Event.type == "page_viewed")).all()
    assert len(entries) == 12
    assert len(set(seqs)) == 12


def _at_once(count: int, work: Callable[[], _T]) -> list[_T]:
    """Run the same work in many threads that start together."""
    barrier = threading.Barrier(count)

    def run() -> _T:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(count) as threads:
        return [future.result() for future in [threads.submit(run) for _ in range(count)]]
