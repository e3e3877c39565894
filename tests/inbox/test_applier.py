"""The applier: many leads in one transaction, what happens to a broken event, two appliers at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy import event as listening
from sqlmodel import col, func, select

from leadloop.inbox import applier
from leadloop.inbox.applier import apply_once
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.inbox.turns.ahead import TurnsAhead
from leadloop.inbox.turns.woken import WokenJourneys
from leadloop.language import plan as p
from leadloop.storage.database import Database, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Company, Event, Lead, LeadScore, ScoreEntry, Wake
from tests.factories import ManualClock, make_environment, make_lead
from tests.inbox.driver import events, journeys, report, settle
from tests.inbox.entry_worlds import add_lead, days, did, scenario, segment, world
from tests.inbox.test_races import at_once
from tests.storage.postgres import fresh_database

VIEW = p.EventMatch(event="page_viewed")


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database of PostgreSQL, where two transactions can wait for each other."""
    with fresh_database(request.getfixturevalue("postgres")) as address:
        yield address


_LONGEST = 60.0
"""Seconds, for a busy machine."""


def _leads(env: Environment, count: int) -> list[str]:
    with env.database.write() as session:
        return [make_lead(session, env).id for _ in range(count)]


def _view(env: Environment, lead_id: str, path: str = "/pricing") -> str:
    result = report(env, "page_viewed", lead_id=lead_id, properties={"path": path})
    assert result.event_id is not None
    return result.event_id


def _download(env: Environment, lead_id: str) -> None:
    report(
        env, "form_submitted", lead_id=lead_id, properties={"form": "whitepaper"}, source="form",
        trust="verified",
    )  # fmt: skip


def _poison(env: Environment, event_id: str) -> None:
    """Make an event of a kind that no ingest lets in."""
    with env.database.write() as session:
        event = session.get_one(Event, event_id)
        event.type, event.properties = "deal_lost", {"deal": "d", "revisit_on": "2026-99"}
        session.add(event)


@contextmanager
def _counted(database: Database) -> Iterator[list[str]]:
    """Note the statements that are sent to the database; one for many rows counts once."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_others: Any) -> None:
        found.append(sql)

    engines = {database.engine, database._read_engine}
    for engine in engines:
        listening.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        for engine in engines:
            listening.remove(engine, "before_cursor_execute", note)


def test_flood_of_one_lead_holds_up_nobody(env: Environment) -> None:
    """Its events are applied some at a time, in order, behind those of everybody else."""
    count = 1200
    for first in range(0, count, 300):
        with env.database.write() as session:
            told = ingest(
                session,
                env,
                [
                    IncomingEvent("page_viewed", {"path": f"/{first + number}"}, email="flood@kaisha.example")
                    for number in range(300)
                ],
            )
    report(env, "page_viewed", email="hot@kaisha.example", properties={"path": "/pricing"})
    assert apply_once(env) == 501
    with env.database.read() as session:
        waits = select(Event.subject_id).where(col(Event.applied_at).is_(None))
        assert set(session.exec(waits).all()) == {told[0].lead_id}
    assert [apply_once(env) for _ in range(3)] == [500, 200, 0]
    with env.database.read() as session:
        rows = session.exec(
            select(Event)
            .where(Event.lead_id == told[0].lead_id, Event.type == "page_viewed")
            .order_by(col(Event.lead_seq))
        ).all()
    assert [row.properties["path"] for row in rows] == [f"/{number}" for number in range(count)]


def test_poison_in_a_flood_is_parked_and_the_rest_goes_on(env: Environment) -> None:
    with env.database.write() as session:
        event = IncomingEvent("page_viewed", {"path": "/"}, email="flood@kaisha.example")
        told = ingest(session, env, [event] * 700)
    _poison(env, told[3].event_id or "")
    assert [apply_once(env) for _ in range(3)] == [500, 200, 0]
    with env.database.read() as session:
        parked = session.exec(select(Event.id).where(col(Event.parked).is_not(None))).all()
    assert parked == [told[3].event_id]


def test_chunk_with_a_poisoned_event_parks_that_one_and_applies_all_others(env: Environment) -> None:
    leads = _leads(env, 8)
    for lead in leads:
        _download(env, lead)
    poisoned = _view(env, leads[3])
    _poison(env, poisoned)
    for lead in leads:
        _view(env, lead, "/later")
    assert apply_once(env) == 17
    with env.database.read() as session:
        rows = session.exec(select(Event).where(Event.source != "engine")).all()
        seqs = {
            lead: sorted(row.lead_seq or 0 for row in rows if row.lead_id == lead and row.parked is None)
            for lead in leads
        }
        points = {row.lead_id: row.points for row in session.exec(select(LeadScore)).all()}
    assert {row.id: row.parked for row in rows if row.parked} == {poisoned: "RevisitError"}
    assert all(row.applied_at is not None for row in rows)
    assert len({tuple(of_lead) for of_lead in seqs.values()}) == 1
    assert len(set(points.values())) == 1
    assert points.keys() == set(leads)
    assert sorted(row.lead_id for row in journeys(env)) == sorted(leads)


def test_chunk_with_a_poisoned_event_is_as_if_each_lead_had_been_applied_alone(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for number, at_once_ in enumerate((1, 50)):
        monkeypatch.setattr(applier, "_LEADS_AT_ONCE", at_once_)
        env = make_environment(tmp_path / str(number), clock=clock)
        leads = _leads(env, 6)
        for lead in leads:
            _download(env, lead)
            _view(env, lead)
            _view(env, lead, "/")
        _poison(env, _view(env, leads[0]))
        settle(env)
        found.append([_what_is_stored(env, lead) for lead in leads])
        env.database.close()
    assert found[0] == found[1]
    assert all(began for _, _, began in found[0])


def _what_is_stored(env: Environment, lead: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Return a lead's events in their order, its points, its journeys."""
    of_lead = select(Event.type, Event.lead_seq).where(Event.lead_id == lead).order_by(col(Event.lead_seq))
    points = select(ScoreEntry.rule_id, ScoreEntry.points).where(ScoreEntry.lead_id == lead)
    with env.database.read() as session:
        seqs = [tuple(row) for row in session.exec(of_lead).all()]
        lines = sorted(tuple(row) for row in session.exec(points).all())
    return seqs, lines, [(row.scenario, row.turn_no) for row in journeys(env) if row.lead_id == lead]


def test_applier_parks_what_is_reported_for_nobody_and_goes_on(env: Environment) -> None:
    (lead,) = _leads(env, 1)
    mine = _view(env, lead)
    nobodys = _view(env, lead)
    with env.database.write() as session:
        session.get_one(Event, nobodys).subject_id = "nobody"
    assert apply_once(env) == 2
    assert apply_once(env) == 0
    with env.database.read() as session:
        assert session.get_one(Event, nobodys).parked == "unknown lead"
        assert session.get_one(Event, mine).parked is None


def test_appliers_at_once_apply_each_event_once_and_in_order(
    tmp_path: Path, clock: ManualClock, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applier, "_LEADS_AT_ONCE", 7)
    env = world(tmp_path, clock, scenario(VIEW), url=url)
    leads = _leads(env, 40)
    reported = {lead: [_view(env, lead, f"/{number}") for number in range(3)] for lead in leads}

    def work() -> int:
        applied = 0
        while now := apply_once(env):
            applied += now
        return applied

    assert sum(at_once(*[work] * 4)) == 120
    with env.database.read() as session:
        rows = session.exec(select(Event).where(Event.type == "page_viewed")).all()
        entries = session.exec(select(func.count()).select_from(ScoreEntry)).one()
        keys = session.exec(select(func.count(func.distinct(ScoreEntry.event_id)))).one()
    order = {lead: sorted((row.lead_seq, row.id) for row in rows if row.lead_id == lead) for lead in leads}
    assert {lead: [one for _, one in of_lead] for lead, of_lead in order.items()} == reported
    assert {row.parked for row in rows} == {None}
    assert entries == keys
    assert sorted(row.lead_id for row in journeys(env)) == sorted(leads)
    env.database.close()


def test_chunk_gives_up_rather_than_wait_in_a_circle(
    tmp_path: Path, clock: ManualClock, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds a company that an entry asks for, and then wants a lead that the chunk holds."""
    monkeypatch.setattr(applier, "_PATIENCE", timedelta(seconds=3))  # the other one must come meanwhile
    entry = scenario(VIEW, people=2)
    env = world(tmp_path, clock, entry, url=postgresql_url)
    first = add_lead(env, company="株式会社テスト")
    with env.database.read() as session:
        company_id = session.get_one(Lead, first).company_id
    second = add_lead(env, company_id=company_id)
    for lead in (first, second):
        _view(env, lead)

    @listening.listens_for(env.database.engine, "begin")
    def begin(connection: Connection) -> None:
        connection.execute(text("SET LOCAL deadlock_timeout = '60s'"))  # else PostgreSQL ends the circle

    with ThreadPoolExecutor(1) as threads:
        with env.database.write() as session:
            session.exec(select(Company.id).where(Company.id == company_id).with_for_update()).one()
            applying = threads.submit(apply_once, env)
            _until_somebody_waits(env)  # the chunk has its leads, and waits for the company
            lock_lead(session, first)
        assert applying.result(_LONGEST) == 2
    assert {row.parked for row in events(env, "page_viewed")} == {None}
    assert len(journeys(env)) == 1
    env.database.close()


def test_applier_waits_for_a_lead_that_is_all_that_is_left(
    tmp_path: Path, clock: ManualClock, postgresql_url: str
) -> None:
    env = world(tmp_path, clock, scenario(VIEW), url=postgresql_url)
    held, free = _leads(env, 2)
    for lead in (held, free):
        _view(env, lead)
    with ThreadPoolExecutor(1) as threads:
        with env.database.write() as session:
            lock_lead(session, held)
            assert apply_once(env) == 1  # the other one
            left = threads.submit(apply_once, env)
            _until_somebody_waits(env)
        assert left.result(_LONGEST) == 1
    assert {row.applied_at for row in events(env, "page_viewed")} == {clock.now()}
    env.database.close()


def test_turn_whose_lead_somebody_holds_is_left_to_its_workflow(
    tmp_path: Path, clock: ManualClock, postgresql_url: str
) -> None:
    env = world(tmp_path, clock, scenario(VIEW), url=postgresql_url)
    journeys_woken = WokenJourneys(TurnsAhead(env))
    _view(env, add_lead(env))
    apply_once(env)
    (journey,) = journeys(env)
    journeys_woken.expect({"token": journey.id})
    with ThreadPoolExecutor(1) as threads, env.database.write() as session:
        lock_lead(session, journey.lead_id)
        threads.submit(journeys_woken.take).result(30)
    assert journeys(env)[0].turn_no == 0
    assert not journeys_woken.is_expected("token")
    journeys_woken.expect({"token": journey.id})
    journeys_woken.take()
    assert journeys(env)[0].turn_no == 1
    env.database.close()


def test_statements_of_a_chunk_do_not_grow_with_its_leads(env: Environment) -> None:
    few, many = _leads(env, 5), _leads(env, 50)
    counts = []
    for leads in (few, many):
        for lead in leads:
            _download(env, lead)
        settle(env)
        for lead in leads:
            _view(env, lead)
            _view(env, lead, "/")
        with _counted(env.database) as statements:
            assert apply_once(env) == 2 * len(leads)
        counts.append(len(statements))
    assert {row.lead_id for row in journeys(env)} == {*few, *many}
    assert counts[1] <= counts[0] + 5
    assert counts[1] < 40


def test_statements_of_a_hundred_leads_that_enter_stay_few(env: Environment) -> None:
    leads = _leads(env, 100)
    for lead in leads:
        _download(env, lead)
    with _counted(env.database) as statements:
        assert apply_once(env) == 100
    assert len(journeys(env)) == 100
    with env.database.read() as session:
        assert session.exec(select(func.count()).select_from(Wake)).one() == 100
    assert len(statements) < 80


def test_statements_of_segments_that_ask_for_the_past_stay_few(tmp_path: Path, clock: ManualClock) -> None:
    active = segment(did("page_viewed", within=days(30), at_least=2))
    env = world(tmp_path, clock, scenario(p.SegmentMatch(segment="active")), segments={"active": active})
    leads = _leads(env, 50)
    for lead in leads:
        _view(env, lead)
    apply_once(env)
    assert journeys(env) == []
    for lead in leads:
        _view(env, lead)
    with _counted(env.database) as statements:
        assert apply_once(env) == 50
    assert len(journeys(env)) == 50  # the second view makes a member, and members enter
    assert len(statements) < 60
    env.database.close()


def _until_somebody_waits(env: Environment) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    end = time.monotonic() + _LONGEST
    while time.monotonic() < end:
        with env.database.read() as session:
            if session.connection().execute(waiting).scalar_one():
                return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits")
