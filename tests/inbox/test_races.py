"""Two workers at the same rows, on SQLite and on PostgreSQL: whoever comes second sees the first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

from sqlmodel import select

from leadloop.inbox.applier import apply_lead
from leadloop.inbox.apply import Application
from leadloop.inbox.publishing import publish_workspace
from leadloop.inbox.relaying.due import run_due
from leadloop.inbox.turns.editions import run_editions
from leadloop.language import plan as p
from leadloop.leads.records import IncomingRecord, check_record, upsert_record, write_record
from leadloop.storage.columns import new_id
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import ExperimentDraw, ExperimentWinner, Lead, Record
from tests.factories import NOW, ManualClock, make_environment, make_publication
from tests.inbox.driver import events, journeys, report, running, settle, turn
from tests.inbox.entry_worlds import add_lead, days, scenario, world
from tests.inbox.played import plan_of, rest, row_of
from tests.inbox.seminars import STARTS, put_seminar
from tests.inbox.seminars import environment as seminars
from tests.inbox.seminars import plan as seminar_plan
from tests.inbox.test_experiments import click, experiment

VIEW = p.EventMatch(event="page_viewed")


def at_once(*works: Callable[[], Any]) -> list[Any]:
    barrier = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return [future.result() for future in [threads.submit(run, work) for work in works]]


def _view(env: Environment, lead_id: str) -> None:
    report(env, "page_viewed", lead_id=lead_id, properties={"path": "/pricing"}, source="tracking")


def test_colleagues_who_enter_their_company_at_once_make_one_journey(
    tmp_path: Path, clock: ManualClock, url: str
) -> None:
    env = world(tmp_path, clock, scenario(VIEW, per="company"), url=url)
    first = add_lead(env, company="株式会社テスト")
    with env.database.read() as session:
        company_id = session.get_one(Lead, first).company_id
    people = [first, *(add_lead(env, company_id=company_id) for _ in range(3))]
    for lead in people:
        _view(env, lead)
    at_once(*(partial(apply_lead, env, lead) for lead in people))
    settle(env)
    (journey,) = journeys(env)
    assert journey.lead_id in people
    assert {event.parked for event in events(env, "page_viewed")} == {None}
    assert {event.parked for event in events(env, "entry_due")} <= {None}
    env.database.close()


def test_due_rows_run_by_two_workers_enter_each_lead_once(
    tmp_path: Path, clock: ManualClock, url: str
) -> None:
    env = world(tmp_path, clock, scenario(p.InactiveMatch(after=days(90))), url=url)
    leads = [add_lead(env) for _ in range(10)]
    clock.advance(days=91)
    at_once(*[partial(run_due, env)] * 3)
    settle(env)
    assert sorted(row.lead_id for row in journeys(env)) == sorted(leads)
    assert len(events(env, "entry_due")) == 10
    env.database.close()


def test_editions_told_by_two_workers_move_each_journey_once(
    tmp_path: Path, clock: ManualClock, url: str
) -> None:
    env = _resting(tmp_path, clock, url, people=6)
    _publish(env, clock, plan_of(rest(days=20), on_edit=p.OnEdit(default="move")))
    ready = running(env)
    turns = (partial(turn, env, one.id, 2) for one in ready)
    at_once(*[partial(_until_done, env)] * 2, *turns)
    settle(env)
    assert {row.due_at for row in running(env)} == {NOW + timedelta(days=20)}
    assert {row.turn_no for row in running(env)} == {2}
    env.database.close()


def test_journey_that_is_begun_while_a_version_goes_live_follows_it(
    tmp_path: Path, clock: ManualClock, url: str
) -> None:
    """On PostgreSQL the transaction still sees the old version, and `publish` does not see its journey."""
    env = _resting(tmp_path, clock, url, people=0)
    lead = add_lead(env)
    report(
        env,
        "form_submitted",
        lead_id=lead,
        properties={"form": "whitepaper"},
        source="form",
        trust="verified",
    )

    def publish() -> None:
        _publish(env, clock, plan_of(rest(days=20), on_edit=p.OnEdit(default="move")))
        _until_done(env)

    with ThreadPoolExecutor(1) as threads:
        with env.database.write() as session:
            application = Application(session, env, lock_lead(session, lead), clock.now())
            going_live = threads.submit(publish)
            wait([going_live], timeout=0.3 if env.database.is_sqlite else 30)  # SQLite: after this commit
            application.apply_pending()
        going_live.result()
    settle(env)
    _until_done(env)
    settle(env)
    (journey,) = journeys(env)
    assert journey.plan_digest == env.publications.current().parts["plan:play"]
    assert journey.due_at == NOW + timedelta(days=20)
    env.database.close()


def test_winner_that_two_decide_at_once_is_one(tmp_path: Path, clock: ManualClock, url: str) -> None:
    arms = tuple(p.Variant(name=name, share=0, go=p.Target(exit=name)) for name in ("a", "b"))
    env = _resting(tmp_path, clock, url, people=4, step=experiment(variants=arms))
    resting = running(env)
    with env.database.write() as session:
        for arm, journey in (("a", resting[0]), ("b", resting[1])):
            for _ in range(50):
                session.add(
                    ExperimentDraw(
                        draw_key=new_id(), scenario="play", step_id="issue", round=journey.plan_digest,
                        enrolment_id=journey.id, lead_id=journey.lead_id, variant=arm, drawn_at=NOW,
                    )
                )  # fmt: skip
        session.add(click(resting[1].lead_id, NOW + timedelta(hours=1), 99))
    clock.advance(hours=4)
    at_once(*(partial(turn, env, one.id, one.turn_no + 1) for one in resting))
    assert {row_of(env, one.id).outcome for one in resting} == {"b"}
    with env.database.read() as session:
        assert len(session.exec(select(ExperimentWinner)).all()) == 1
    env.database.close()


def test_record_changed_while_a_turn_arms_its_wait_moves_the_wait(
    tmp_path: Path, clock: ManualClock, url: str
) -> None:
    wait_for_it = p.WaitStep(
        id="eve", wait=p.WaitSpec(until=p.Until(fact="run.seminar.starts_at")), next=p.Target(exit="on_time")
    )
    env = seminars(tmp_path, clock, seminar_plan(wait_for_it), url=url)
    for number in range(6):
        key = f"s{number}"
        put_seminar(env, key)
        report(env, "seminar_registered", email=f"{key}@kaisha.example", properties={"seminar": key})
        lead = events(env, "seminar_registered")[-1].subject_id
        apply_lead(env, lead)
        (journey,) = [row for row in journeys(env) if row.record_key == key]
        later = STARTS + timedelta(days=number + 1)
        at_once(
            partial(turn, env, journey.id, 1),
            partial(put_seminar, env, key, starts=later),
        )
        settle(env)
        assert row_of(env, journey.id).due_at == later
    env.database.close()


def test_two_who_change_one_record_lose_neither_change(tmp_path: Path, clock: ManualClock, url: str) -> None:
    env = seminars(tmp_path, clock, seminar_plan(rest()), url=url)
    put_seminar(env, "s1")
    title = IncomingRecord("seminar", "s1", {"title": "新しい題"})
    starts = IncomingRecord("seminar", "s1", {"starts_at": (STARTS + timedelta(days=1)).isoformat()})
    with ThreadPoolExecutor(1) as threads:
        with env.database.write() as session:
            write_record(session, env, check_record(session, env, title))
            other = threads.submit(lambda: upsert_record(env, starts))
            wait([other], timeout=0.5)  # it has checked, and waits for the row
        assert other.result().changed == ("starts_at",)
    with env.database.read() as session:
        fields = session.get_one(Record, ("seminar", "s1")).fields
    assert fields["title"] == "新しい題"
    assert fields["starts_at"] == (STARTS + timedelta(days=1)).isoformat()
    env.database.close()


def _resting(tmp_path: Path, clock: ManualClock, url: str, people: int, step: Any = None) -> Environment:
    """An environment with journeys that wait in their first step."""
    env = make_environment(
        tmp_path, make_publication(plans={"play": plan_of(step or rest(days=10))}), clock, url
    )
    for number in range(people):
        report(
            env, "form_submitted", email=f"p{number}@kaisha.example", properties={"form": "whitepaper"},
            source="form", trust="verified",
        )  # fmt: skip
    settle(env)
    return env


def _publish(env: Environment, clock: ManualClock, plan: p.Plan) -> None:
    publish_workspace(
        env, make_publication(plans={"play": plan}), "tests", clock.now() + timedelta(seconds=1)
    )


def _until_done(env: Environment) -> None:
    while run_editions(env, limit=2):
        pass
