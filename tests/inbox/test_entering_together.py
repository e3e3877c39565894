"""Many leads in one transaction: the same answers and the same rows as one after the other."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlmodel import SQLModel, col, func, select

from leadloop.inbox.applier import apply_once
from leadloop.inbox.entries import enrolling
from leadloop.inbox.entries.enrolling import EnrolResult, enrol_leads
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.inserting import insert_rows
from leadloop.storage.tables import Company, Enrolment, EnrolmentStatus, Event, EventKey, Lead, Wake
from tests.factories import SECRET, ManualClock, make_enrolment, make_lead
from tests.inbox.driver import journeys, report, settle
from tests.inbox.seminars import environment, plan, when

MANUAL = p.ManualMatch()
WAIT = p.WaitStep(id="w", wait=p.WaitSpec(span=p.Span(amount=30, unit="days")))
JAPAN = when('lead.country == "JP"', lead__country="text")
TYPES = {"lead__country": "text", "lead__band__engagement": "text"}
AGAIN = p.Reentry(mode="after_exit", cooldown=p.Span(amount=7, unit="days"), most=3)
PER_RUN = {"id", "enrolment_id", "cause_event_id", "causation_id", "publication_id", "token", "subject_id"}
PER_RUN |= {"bulk"}  # wakes of many at once let others go first


def care(**values: Any) -> p.Plan:
    fields: dict[str, Any] = {
        "scenario": "care",
        "per": "lead",
        "entry": MANUAL,
        "audience": JAPAN,
        "goal": (p.StageMatch(stages=("mql",)),),
        "reentry": AGAIN,
        "group": "nurture",
    }
    return plan(WAIT, **(fields | values))


def opened(folder: Path, clock: ManualClock) -> Environment:
    return environment(folder, clock, care(), plan(WAIT, scenario="other", per="lead", group="nurture"))


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock) -> Iterator[Environment]:
    env = opened(tmp_path, clock)
    yield env
    env.database.close()


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolling, "may_enter_together", lambda *_: False)


def add_people(env: Environment) -> list[str]:
    """Add a lead for each situation that an entry can meet; return how they are named."""
    env_publication = env.publications.current().id
    now = env.clock.now()

    def journey(lead: Lead, days: float | None, scenario: str = "care", **values: Any) -> None:
        ended: dict[str, Any] = {}
        if days is not None:
            at = now - timedelta(days=days)
            ended = {"status": EnrolmentStatus.ENDED, "outcome": "completed", "ended_at": at}
        make_enrolment(session, env_publication, lead, scenario, **(ended | values))

    with env.database.write() as session:
        beta = Company(id="beta", name="ベータ", created_at=now)
        session.add(beta)
        session.flush()

        def lead(name: str, **values: Any) -> Lead:
            fields: dict[str, Any] = {"country": "JP"} | values
            return make_lead(session, env, id=name, email=f"{name}@kaisha.example", **fields)

        lead("fresh")
        lead("company", company=beta, last_seq=7, cycle=2)
        lead("abroad", country="US")
        lead("unknown-country", country=None)
        lead("hot", stage="mql")
        lead("erased", erased_at=now)
        journey(lead("open", last_seq=3), None)
        journey(lead("about-to-move"), None, due_at=now)
        journey(lead("rests"), 3)
        journey(lead("rested"), 8)
        for _ in range(3):
            journey(session.get(Lead, "often") or lead("often"), 20)
        journey(lead("grouped"), None, "other")
        journey(lead("grouped-before"), 1, "other")
        lead("busy")
        lead("into", last_seq=1)
        session.flush()
        lead("merged", merged_into="into")
        everybody = list(session.exec(select(Lead.id).where(col(Lead.merged_into).is_(None))).all())
    for lead_id in everybody:  # nobody is known without an event
        report(env, "page_viewed", lead_id=lead_id)
    apply_once(env)
    report(env, "page_viewed", lead_id="busy")
    return [
        "fresh", "company@kaisha.example", "abroad", "unknown-country", "hot", "erased", "open",
        "about-to-move", "rests", "rested", "often", "grouped", "grouped-before", "busy", "merged", "nobody",
        "none@kaisha.example", "not@@an", "FRESH@kaisha.example",
    ]  # fmt: skip


def rows_of(env: Environment, table: type[SQLModel]) -> list[Any]:
    """Return the rows of a table, without what differs from run to run."""
    with env.database.read() as session:
        found = [row.model_dump(exclude=PER_RUN) for row in session.exec(select(table)).all()]
    return sorted(found, key=repr)


def without_ids(results: list[EnrolResult]) -> list[tuple[Any, ...]]:
    return [(one.named, one.status, one.lead_id, one.code, one.other, one.until) for one in results]


def test_together_and_one_by_one_agree_in_answers_and_rows(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("together", "apart"):
        env = opened(tmp_path / name, clock)
        if name == "apart":
            one_by_one(monkeypatch)
        people = add_people(env)
        dry = enrol_leads(env, "care", people[:-1], key="k", dry_run=True)
        first = enrol_leads(env, "care", people, key="k")
        assert without_ids(dry) == without_ids(first[:-1])
        second = enrol_leads(env, "care", people, key="k")
        other = enrol_leads(env, "care", people)
        tables = [rows_of(env, table) for table in (Enrolment, Event, Lead, Wake)]
        with env.database.read() as session:
            keys = session.exec(select(func.count()).where(EventKey.source == "enrol")).one()
        settle(env)
        found.append((without_ids(first), without_ids(second), without_ids(other), tables, keys))
        assert {row.turn_no for row in journeys(env) if row.scenario == "care" and row.id} >= {1}
        env.database.close()
    together, apart = found
    for mine, theirs in zip(together[:3], apart[:3], strict=True):
        assert mine == theirs
    for mine_rows, their_rows in zip(together[3], apart[3], strict=True):
        assert mine_rows == their_rows
    assert together[4] == apart[4]
    codes = {code for _named, _status, _lead, code, _other, _until in together[0]}
    assert codes >= {
        None,
        "audience",
        "goal_met",
        "erased",
        "open",
        "cooldown",
        "max_entries",
        "group",
        "unknown",
    }


def test_the_number_of_statements_does_not_grow_with_the_leads(tmp_path: Path, clock: ManualClock) -> None:
    hot = when('lead.country == "JP" && lead.band.engagement != "hot"', **TYPES)
    env = environment(tmp_path, clock, care(audience=hot))
    with env.database.write() as session:
        beta = Company(name="ベータ", created_at=clock.now())
        session.add(beta)
        session.flush()
        names = [make_lead(session, env, country="JP", company=beta).id for _ in range(60)]
    counts = []
    for some in (names[:10], names[10:]):
        statements: list[str] = []

        def note(_c: Any, _k: Any, statement: str, *_: Any, into: list[str] = statements) -> None:
            into.append(statement)

        sql_event.listen(env.database.engine, "before_cursor_execute", note)
        results = enrol_leads(env, "care", some)
        sql_event.remove(env.database.engine, "before_cursor_execute", note)
        assert {one.status for one in results} == {"entered"}
        counts.append(len(statements))
    assert counts[1] <= counts[0]


@pytest.mark.parametrize("when_", ["after_a_commit", "before_a_commit"])
def test_a_run_that_dies_in_the_middle_is_completed_by_the_next(
    env: Environment, monkeypatch: pytest.MonkeyPatch, when_: str
) -> None:
    monkeypatch.setattr(enrolling, "AT_ONCE", 4)
    with env.database.write() as session:
        names = [make_lead(session, env, country="JP").id for _ in range(10)]

    def die(done: int) -> None:
        if done >= 8 and when_ == "after_a_commit":
            raise KeyboardInterrupt

    real = insert_rows

    def die_at_keys(session: Any, model: Any, rows: Any) -> None:
        if when_ == "before_a_commit" and any(names[5] in row["external_id"] for row in rows):
            raise KeyboardInterrupt
        real(session, model, rows)

    monkeypatch.setattr(enrolling, "insert_rows", die_at_keys)
    with pytest.raises(KeyboardInterrupt):
        enrol_leads(env, "care", names, key="k", progress=die)
    monkeypatch.setattr(enrolling, "insert_rows", real)
    before = {row.lead_id for row in journeys(env)}
    assert len(before) == (8 if when_ == "after_a_commit" else 4)
    results = enrol_leads(env, "care", names, key="k")
    assert [one.status for one in results] == ["repeated" if one in before else "entered" for one in names]
    assert sorted(row.lead_id for row in journeys(env)) == sorted(names)


_DIES = """
import os, signal, sys
from leadloop.clock import RealClock
from leadloop.inbox.entries import enrolling
from leadloop.keys import Keys
from leadloop.storage.database import Database
from leadloop.storage.environment import Environment
from leadloop.storage.publications import PublicationStore
database = Database(sys.argv[1])
env = Environment(database, RealClock(), Keys(sys.argv[2].encode()), PublicationStore(database))
written = enrolling.insert_rows
def die(session, model, rows):
    written(session, model, rows)
    if any(sys.argv[3] in row["external_id"] for row in rows):
        os.kill(os.getpid(), signal.SIGKILL)
enrolling.insert_rows, enrolling.AT_ONCE = die, 4
enrolling.enrol_leads(env, "care", sys.argv[4:], key="k")
"""


def test_a_run_that_is_killed_in_a_transaction_is_completed_by_the_next(env: Environment) -> None:
    with env.database.write() as session:
        names = [make_lead(session, env, country="JP").id for _ in range(10)]
    words = [sys.executable, "-c", _DIES, env.database.url, SECRET.decode(), names[5], *names]
    killed = subprocess.run(words, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = {row.lead_id for row in journeys(env)}
    assert before == set(names[:4])
    results = enrol_leads(env, "care", names, key="k")
    assert [one.status for one in results] == ["repeated" if one in before else "entered" for one in names]
    assert sorted(row.lead_id for row in journeys(env)) == sorted(names)


def test_two_who_enrol_the_same_people_make_one_journey_each(env: Environment) -> None:
    with env.database.write() as session:
        names = [make_lead(session, env, country="JP").id for _ in range(40)]
    start, answers = threading.Barrier(2), []

    def enrol(some: list[str]) -> None:
        start.wait()
        answers.append(enrol_leads(env, "care", some))

    threads = [threading.Thread(target=enrol, args=(some,)) for some in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 2
    entered = [one.lead_id for found in answers for one in found if one.status == "entered"]
    assert sorted(filter(None, entered)) == sorted(names)
    with env.database.read() as session:
        assert session.exec(select(func.count()).where(col(Enrolment.scenario) == "care")).one() == 40
