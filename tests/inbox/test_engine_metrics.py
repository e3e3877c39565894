"""Metrics say what the database holds, cost few queries, and are all in docs/monitoring.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import event

from activities.counting import Counting
from leadloop.inbox.monitoring.alerts import KINDS, watch
from leadloop.inbox.monitoring.engine_metrics import EVERY_SECONDS, EngineMetrics
from leadloop.inbox.monitoring.presence import Presence
from leadloop.inbox.operations.log import Caller
from leadloop.inbox.operations.sending import stop_sending
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus, MessageStatus
from tests.factories import ManualClock, make_enrolment, make_lead, make_message
from tests.inbox.driver import report

DOCS = Path(__file__).parents[2] / "docs" / "monitoring.md"


class _Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _registry(env: Environment, seconds: _Seconds | None = None) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(EngineMetrics(env, "0.2.0", seconds or _Seconds()))
    return registry


def _world(env: Environment, clock: ManualClock) -> None:
    with env.database.write() as session:
        publication = env.publications.current(session).id
        for number, status in enumerate(["running", "running", "held", "paused", "ended"]):
            lead = make_lead(session, env, email=f"hito{number}@kaisha.example")
            row = make_enrolment(session, publication, lead, "whitepaper-nurture")
            row.status = EnrolmentStatus(status)
            row.due_at = clock.now() if number == 0 else None
            row.held_reason = "no stream `tips` is published" if status == "held" else None
            row.held_code = "no_stream" if status == "held" else None
            session.add(row)
            session.flush()
            if number == 1:
                make_message(session, row, status=MessageStatus.UNCERTAIN, sent_at=None)
                ask_wake(session, row.id, clock.now())
    report(env, "page_viewed", email="hito0@kaisha.example", properties={"path": "/"}, source="api")
    stop_sending(env, Caller("operator", "tests"))
    clock.advance(minutes=5)
    Presence(env, "0.2.0").beat()
    watch(env)


def test_metrics_say_what_the_database_holds(env: Environment, clock: ManualClock) -> None:
    _world(env, clock)
    found = _registry(env)
    scenario = {"scenario": "whitepaper-nurture"}

    def value(name: str, **labels: str) -> float | None:
        return found.get_sample_value(f"leadloop_{name}", labels)

    assert value("journeys", status="running", **scenario) == 2
    assert value("journeys", status="paused", **scenario) == 1
    assert value("journeys", status="ended", **scenario) is None
    assert value("journeys_held", code="no_stream", **scenario) == 1
    assert value("journeys_overdue") == 1
    assert value("oldest_due_age_seconds") == 300
    assert (value("wakes_waiting"), value("wake_lag_seconds")) == (1, 300)
    assert (value("events_waiting"), value("event_lag_seconds")) == (1, 300)
    assert value("messages", status="uncertain") == 1
    assert value("messages", status="held") == 0
    assert value("kill_switch") == 1
    assert value("workers", build="0.2.0", plan_format="1") == 1
    assert value("alerts_open", kind="journeys_held") == 1
    assert value("database_up") == 1


def test_metrics_are_read_at_most_once_in_a_while(env: Environment, clock: ManualClock) -> None:
    seconds = _Seconds()
    registry = _registry(env, seconds)
    statements: list[str] = []

    def count(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    with env.database.read() as session:
        event.listen(session.get_bind().engine, "before_cursor_execute", count)
        generate_latest(registry)
        first = len(statements)
        generate_latest(registry)
        assert 0 < first == len(statements)
        seconds.now += EVERY_SECONDS
        generate_latest(registry)
        assert len(statements) == 2 * first
        event.remove(session.get_bind().engine, "before_cursor_execute", count)


@pytest.mark.sqlite  # it deletes the file
def test_metrics_are_served_while_the_database_is_gone(env: Environment, tmp_path: Path) -> None:
    with env.database.read():
        pass
    for file in tmp_path.glob("*.db"):
        file.unlink()
    assert "leadloop_database_up 0.0" in generate_latest(_registry(env)).decode()


def test_metrics_are_served_while_the_database_cannot_be_read(env: Environment) -> None:
    with env.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE enrolment RENAME TO enrolment_away")
    text = generate_latest(_registry(env)).decode()
    with env.database.engine.begin() as connection:  # another test may get this database
        connection.exec_driver_sql("ALTER TABLE enrolment_away RENAME TO enrolment")
    assert "leadloop_database_up 0.0" in text
    assert "leadloop_journeys" not in text


def test_metrics_carry_no_personal_data(env: Environment, clock: ManualClock) -> None:
    _world(env, clock)
    assert "kaisha" not in generate_latest(_registry(env)).decode()


def test_monitoring_page_has_every_metric_and_no_other(env: Environment) -> None:
    registry = _registry(env)
    counting = CollectorRegistry()
    Counting(counting)
    served = {metric.name for metric in registry.collect()}
    served |= {f"{metric.name}_total" for metric in counting.collect()}
    documented = re.findall(r"^\| `(leadloop_\w+)`", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(served)


@pytest.mark.parametrize("kind", KINDS)
def test_monitoring_page_has_every_alert(kind: str) -> None:
    assert re.search(rf"^\| `{kind}` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
