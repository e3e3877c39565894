"""The engine's everyday queries find what they need by an index, on both databases.

On a filled database each part does its work once; every statement it sends is explained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import text

from leadloop.delivery.claim import claim_message
from leadloop.inbox.applier import apply_once
from leadloop.inbox.entries.enrolling import enrol_leads
from leadloop.inbox.erasure import erase_lead
from leadloop.inbox.ingestion.visits import Visit, record_visits
from leadloop.inbox.recovery.sweeper import sweep
from leadloop.inbox.relaying.due import earliest_due, run_due
from leadloop.inbox.relaying.relay import Relay
from leadloop.keys import Keys
from leadloop.language import plan as p
from leadloop.leads.identity import NewLead, create_leads, email_hash
from leadloop.leads.visitors import identify_visitor
from leadloop.storage.database import Database, lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import upgrade
from leadloop.storage.publications import PublicationStore, publish
from leadloop.storage.tables import MessageStatus
from leadloop.web.story import story
from tests.factories import SECRET, ManualClock, make_message, make_publication
from tests.inbox.driver import journeys, report, turn
from tests.inbox.seminars import environment, plan
from tests.storage.plans import fill, read_in_vain, statements_of
from tests.storage.postgres import fresh_database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Environment, str]]:
    """A published database with thousands of rows, filled once for all tests here, and one lead of it."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path_factory.mktemp('plans') / 'leadloop.db'}"
        if request.param == "postgresql":
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres")))
        database = Database(url)
        stack.callback(database.close)
        upgrade(database)
        clock = ManualClock()
        with database.write() as session:
            publish(session, make_publication(), "tests", clock.now())
        env = Environment(database, clock, Keys(SECRET), PublicationStore(database))
        yield env, fill(env)


def _ingest_and_apply(env: Environment, lead_id: str) -> None:
    report(env, "page_viewed", lead_id=lead_id, properties={"path": "/"}, external_id="e1")
    report(env, "form_submitted", email="new@example.jp", properties={"form": "whitepaper"}, external_id="e2")
    assert apply_once(env) == 2


def _turn(env: Environment, lead_id: str) -> None:
    (journey,) = [one for one in journeys(env) if one.lead_id == lead_id and one.status == "running"]
    report(env, "page_viewed", lead_id=lead_id, properties={"path": "/"})
    assert turn(env, journey.id, 3).status == "not_yet"


def _relay(env: Environment, lead_id: str) -> None:
    relay: Any = Relay(env, None, "acme")  # type: ignore[arg-type]
    env.clock.advance(days=6)  # type: ignore[attr-defined]
    relay._earliest_due()
    relay._collect()


def _sweep(env: Environment, lead_id: str) -> None:
    sweep(env)


def _due(env: Environment, lead_id: str) -> None:
    assert earliest_due(env) is not None
    env.clock.advance(days=20)  # type: ignore[attr-defined]
    assert run_due(env, limit=2) >= 1


def _claim(env: Environment, lead_id: str) -> None:
    (journey,) = [one for one in journeys(env) if one.lead_id == lead_id and one.status == "running"]
    with env.database.write() as session:
        message = make_message(session, journey, status=MessageStatus.NEW, sent_at=None, step_id="case")
    with env.database.write() as session:
        assert claim_message(session, env, message.id, 1) is not None


def _visitor(env: Environment, lead_id: str) -> None:
    now = env.clock.now()
    with env.database.write() as session:
        record_visits(session, env, "a" * 32, [Visit("b" * 32, "page_viewed", {"path": "/"})])
    with env.database.write() as session:
        assert identify_visitor(session, env, "a" * 32, lock_lead(session, lead_id), now) == 1


def _story(env: Environment, lead_id: str) -> None:
    with env.database.read() as session:
        assert story(session, env, lead_id)


def _erase(env: Environment, lead_id: str) -> None:
    assert erase_lead(env, lead_id, "tests").status == "erased"


WORK = {
    "ingest and apply": _ingest_and_apply, "turn": _turn, "relay": _relay, "sweeper": _sweep, "due": _due,
    "claim": _claim, "visitor": _visitor, "story": _story, "erase": _erase,
}  # fmt: skip


@pytest.mark.parametrize("part", WORK)
def test_everyday_queries_use_an_index(filled: tuple[Environment, str], part: str) -> None:
    env, lead_id = filled
    work: Callable[[Environment, str], None] = WORK[part]
    with statements_of(env.database) as asked:
        work(env, lead_id)
    assert asked
    bad = [f"{one.scanned()}: {one.sql}\n{one.plan}" for one in asked if one.scanned()]
    assert bad == [], "\n\n".join(bad)


def test_bulk_enrolment_reads_only_rows_of_its_leads(
    postgres: str, tmp_path: Path, clock: ManualClock
) -> None:
    """However little PostgreSQL knows: it has analysed the tables before anybody was in the scenario."""
    wait = p.WaitStep(id="w", wait=p.WaitSpec(span=p.Span(amount=30, unit="days")))
    plans = [plan(wait, scenario=name, per="lead", entry=p.ManualMatch()) for name in ("old", "new")]
    names = [f"p{number}@kaisha.example" for number in range(1050)]
    with fresh_database(postgres) as url:
        env = environment(tmp_path, clock, *plans, url=url)
        with env.database.write() as session:
            leads = [NewLead(name, email_hash(env, name), "test") for name in names]
            create_leads(session, env, leads, env.clock.now())
        enrol_leads(env, "old", names, key="one")
        with env.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
        enrol_leads(env, "new", names[:1000], key="two")
        with read_in_vain(env.database) as removed:
            results = enrol_leads(env, "new", names[1000:], key="two")
        env.database.close()
    assert {one.status for one in results} == {"entered"}
    assert sum(removed.values()) <= 50, removed  # the journey of each in the other scenario
