"""Alerts begin when something goes wrong, tell of it once, and end when it is mended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from leadloop.contracts import Watermark
from leadloop.inbox.applier import apply_once
from leadloop.inbox.ingestion.ingest import ingest
from leadloop.inbox.monitoring.alert_posts import GIVE_UP_AFTER, AlertPosts
from leadloop.inbox.monitoring.alerts import FAILING, KINDS, LATE, WITHIN, open_alerts, watch
from leadloop.inbox.recovery.restored import close_the_gate
from leadloop.inbox.relaying.wakes import ask_wake
from leadloop.settings import Endpoint
from leadloop.storage.environment import Environment
from leadloop.storage.tables import (
    Alert,
    Call,
    CallStatus,
    Enrolment,
    EnrolmentStatus,
    Event,
    Lead,
    MessageStatus,
    Wake,
)
from tests.delivery.receiver import Receiver, receiving
from tests.factories import ManualClock, make_enrolment, make_lead, make_message
from tests.faults.events import form

UNKNOWN_DATE = "`rest` waits for `lead.renewal`, and that date is not known"


def _journey(env: Environment, **values: object) -> tuple[Lead, Enrolment]:
    with env.database.write() as session:
        lead = make_lead(session, env)
        row = make_enrolment(session, env.publications.current(session).id, lead, "whitepaper-nurture")
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)
        session.flush()
    return lead, row


def _change(env: Environment, row: Enrolment, **values: object) -> None:
    with env.database.write() as session:
        kept = session.get_one(Enrolment, row.id)
        for name, value in values.items():
            setattr(kept, name, value)
        session.add(kept)


def _open(env: Environment) -> list[tuple[str, str | None, str, int]]:
    with env.database.read() as session:
        return [(one.kind, one.scenario, one.code, one.number) for one in open_alerts(session)]


def _hold(env: Environment) -> Enrolment:
    return _journey(env, status=EnrolmentStatus.HELD, held_reason=UNKNOWN_DATE, held_code="unknown_date")[1]


def test_alert_is_raised_once_for_many_held_journeys(env: Environment) -> None:
    first = _hold(env)
    with capture_logs() as logs:
        assert watch(env) == 1
        assert watch(env) == 0
        second = _hold(env)
        assert watch(env) == 0
    assert _open(env) == [("journeys_held", "whitepaper-nurture", "unknown_date", 2)]
    assert [line["event"] for line in logs] == ["alert_raised"]
    assert "lead.renewal" not in json.dumps(logs)
    for row in (first, second):
        _change(env, row, status=EnrolmentStatus.RUNNING, held_reason=None, held_code=None)
    assert watch(env) == 1
    assert _open(env) == []


def test_alert_is_raised_again_after_it_was_over(env: Environment) -> None:
    row = _hold(env)
    watch(env)
    _change(env, row, status=EnrolmentStatus.RUNNING, held_reason=None, held_code=None)
    watch(env)
    _change(env, row, status=EnrolmentStatus.HELD, held_reason=UNKNOWN_DATE, held_code="unknown_date")
    assert watch(env) == 1
    with env.database.read() as session:
        rows = session.exec(select(Alert)).all()
    assert [row.resolved_at is None for row in rows] == [False, True]


def test_d2_journeys_that_temporal_does_not_begin_are_an_alert(env: Environment, clock: ManualClock) -> None:
    """None of them is due: nobody has asked for its first turn."""
    with env.database.write() as session:
        ingest(session, env, [form("taro"), form("hanako")])
    apply_once(env)
    clock.advance(minutes=9)
    assert watch(env) == 0
    clock.advance(minutes=2)
    assert watch(env) == 1
    assert _open(env) == [("wakes_late", None, "", 2)]
    with env.database.write() as session:
        for row in session.exec(select(Wake)).all():
            row.bulk = True  # those of a bulk enrolment wait behind others, for as long as it takes
    assert watch(env) == 1
    assert _open(env) == []


def _uncertain(env: Environment) -> None:
    _, row = _journey(env)
    with env.database.write() as session:
        make_message(session, row, status=MessageStatus.UNCERTAIN, sent_at=None)


def _failed_sends(env: Environment) -> None:
    _, row = _journey(env)
    with env.database.write() as session:
        for visit in range(FAILING):
            make_message(
                session,
                row,
                status=MessageStatus.FAILED,
                sent_at=None,
                visit=visit,
                created_at=env.clock.now(),
            )


def _failed_calls(env: Environment) -> None:
    lead, row = _journey(env)
    with env.database.write() as session:
        for visit in range(FAILING):
            session.add(
                Call(
                    call_key=f"k{visit}", kind="webhook", enrolment_id=row.id, lead_id=lead.id,
                    publication_id=row.publication_id, step_id="hook", visit=visit, scenario=row.scenario,
                    to="crm", status=CallStatus.FAILED, created_at=env.clock.now(), done_at=env.clock.now(),
                )
            )  # fmt: skip


def _late(env: Environment) -> None:
    _journey(env, due_at=env.clock.now() - LATE)


def _not_woken(env: Environment) -> None:
    _, row = _journey(env)
    with env.database.write() as session:
        ask_wake(session, row.id, env.clock.now() - LATE)


def _parked(env: Environment) -> None:
    lead, _ = _journey(env)
    with env.database.write() as session:
        session.add(
            Event(
                subject_id=lead.id, type="page_viewed", source="api", occurred_at=env.clock.now(),
                received_at=env.clock.now(), applied_at=env.clock.now(), parked="too_deep",
            )
        )  # fmt: skip


def _restored(env: Environment) -> None:
    mark = Watermark(database_id="one", at=env.clock.now())
    close_the_gate(env, "behind", mark, mark)


WRONG: dict[str, Callable[[Environment], object]] = {
    "database_restored": _restored,
    "journeys_held": _hold,
    "messages_uncertain": _uncertain,
    "sends_failing": _failed_sends,
    "calls_failing": _failed_calls,
    "journeys_late": _late,
    "wakes_late": _not_woken,
    "events_parked": _parked,
}


@pytest.mark.parametrize("kind", KINDS)
def test_alert_of_each_kind(env: Environment, kind: str) -> None:
    assert watch(env) == 0
    WRONG[kind](env)
    assert watch(env) == 1
    assert [one[0] for one in _open(env)] == [kind]


def test_failures_of_another_hour_are_no_alert(env: Environment, clock: ManualClock) -> None:
    _failed_sends(env)
    _failed_calls(env)
    clock.advance(seconds=WITHIN.total_seconds() + 1)
    assert watch(env) == 0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def test_alert_is_posted_until_it_is_taken_and_then_no_more(env: Environment, receiver: Receiver) -> None:
    receiver.codes = [503, 200]
    posts = AlertPosts(env, Endpoint(url=receiver.url, secret="whsec_c2VjcmV0"))
    _hold(env)
    watch(env)
    for _ in range(3):
        posts.run_once()
    posts.close()
    assert len(receiver.received) == 2
    assert receiver.received[0].body == receiver.received[1].body
    body = json.loads(receiver.received[0].body)
    assert (body["kind"], body["scenario"], body["code"], body["number"]) == (
        "journeys_held", "whitepaper-nurture", "unknown_date", 1,
    )  # fmt: skip
    assert body["text"] == "leadloop: whitepaper-nurture: 1 journeys are held (unknown_date)"
    assert receiver.received[0].headers["webhook-id"] == body["id"]
    assert receiver.received[0].headers["webhook-signature"].startswith("v1,")


def test_alert_that_nobody_took_for_a_day_is_given_up(
    env: Environment, clock: ManualClock, receiver: Receiver
) -> None:
    _hold(env)
    watch(env)
    clock.advance(seconds=GIVE_UP_AFTER.total_seconds())
    posts = AlertPosts(env, Endpoint(url=receiver.url))
    posts.run_once()
    posts.close()
    assert receiver.received == []
