"""Ingest and group commit on SQLite and PostgreSQL, with many at once (faults T1 and E10)."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Barrier

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, func, select

from leadloop.inbox.ingestion import group_commit
from leadloop.inbox.ingestion.group_commit import BusyError, GroupCommit, RequestKey
from leadloop.inbox.ingestion.grouping import Groups
from leadloop.inbox.ingestion.incoming import Prepared
from leadloop.inbox.ingestion.ingest import IncomingEvent, IngestResult, ingest
from leadloop.inbox.ingestion.storing import store
from leadloop.inbox.own_events import record_own
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Consent, Event, EventKey, Identity, Lead, Suppression

UNBOUNDED = 10**9


def view(external_id: str | None = None, email: str = "a@example.jp", path: str = "/") -> IncomingEvent:
    return IncomingEvent("page_viewed", {"path": path}, email=email, external_id=external_id)


def rows(env: Environment, table: type) -> int:
    with env.database.read() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_ingest_answers_every_item_in_order(migrated: Environment) -> None:
    with migrated.database.write() as session:
        (first,) = ingest(session, migrated, [view("one")])
    items = [
        view("one"),
        view("one", path="/other"),
        view("two", email="new@example.jp"),
        view("two", email="new@example.jp"),
        view("two", email="never@example.jp"),
        view("three", email="no address"),
        IncomingEvent("page_viewed", lead_id="nobody", external_id="four"),
        view("four"),
        view(),
        view(),
    ]
    with migrated.database.write() as session:
        found = ingest(session, migrated, items)
    statuses = ["duplicate", "conflict", "accepted", "duplicate", "conflict", "invalid", "invalid"]
    assert [one.status for one in found] == [*statuses, "accepted", "accepted", "accepted"]
    assert (found[0].event_id, found[0].lead_id) == (first.event_id, first.lead_id)
    assert (found[3].event_id, found[3].lead_id) == (found[2].event_id, found[2].lead_id)
    assert rows(migrated, Lead) == 2  # a conflict and a refusal make no lead
    assert rows(migrated, Event) == 5
    assert rows(migrated, EventKey) == 3


def test_t1_same_event_at_once_is_stored_once(migrated: Environment) -> None:
    together = Barrier(8)

    def post(number: int) -> IngestResult:
        together.wait()
        with migrated.database.write() as session:
            items = [view("same", email="new@example.jp"), view(f"own-{number}", email="new@example.jp")]
            return ingest(session, migrated, items)[0]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(post, range(8)))
    assert Counter(one.status for one in found) == {"accepted": 1, "duplicate": 7}
    assert len({one.event_id for one in found}) == 1
    assert (rows(migrated, Event), rows(migrated, Lead), rows(migrated, Identity)) == (9, 1, 1)


def test_writers_of_the_same_keys_in_other_orders_do_not_block_each_other(migrated: Environment) -> None:
    together = Barrier(4)

    def post(number: int) -> None:
        items = [view(f"id-{one}", email=f"p{one}@example.jp") for one in range(40)]
        together.wait()
        with migrated.database.write() as session:
            ingest(session, migrated, items if number % 2 else items[::-1])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(post, range(4)))
    assert (rows(migrated, Event), rows(migrated, Lead)) == (40, 40)


def test_refusal_and_hard_bounce_hold_from_the_commit_of_the_group(migrated: Environment) -> None:
    commits = GroupCommit(migrated, inbox_limit=UNBOUNDED)
    futures = [
        commits.submit([view(), IncomingEvent("unsubscribed", {}, email="a@example.jp")]),
        commits.submit([IncomingEvent("email_bounced", {"kind": "hard"}, email="b@example.jp"), view()]),
    ]
    assert all(one.status == "accepted" for future in futures for one in future.result(30))
    assert (rows(migrated, Consent), rows(migrated, Suppression)) == (1, 1)


def test_requests_that_wait_share_a_transaction(migrated: Environment) -> None:
    commits = GroupCommit(migrated, inbox_limit=UNBOUNDED)
    commits.submit([view()]).result(30)
    before = migrated.database.changes
    with migrated.database.write() if migrated.database.is_sqlite else nullcontext():
        futures = [commits.submit([view(f"id-{number}")]) for number in range(50)]
    assert all(future.result(30)[0].status == "accepted" for future in futures)
    assert rows(migrated, Event) == 51
    if migrated.database.is_sqlite:  # one held the lock; two at most stored the fifty requests
        assert migrated.database.changes - before <= 3


def test_a_request_that_fails_alone_does_not_take_others_with_it(
    migrated: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store

    def failing(session: Session, env: Environment, prepared: Prepared) -> list[IngestResult]:
        if any(one.item.external_id == "poison" for one in prepared.ready):
            raise OperationalError("poison", None, Exception("disk I/O error"))
        return real(session, env, prepared)

    monkeypatch.setattr(group_commit, "store", failing)
    commits = GroupCommit(migrated, inbox_limit=UNBOUNDED)
    futures = [commits.submit([view(name)]) for name in ("a", "poison", "b")]
    assert futures[0].result(30)[0].status == futures[2].result(30)[0].status == "accepted"
    with pytest.raises(OperationalError):
        futures[1].result(30)
    assert rows(migrated, Event) == 2


def test_a_request_is_known_by_its_key(migrated: Environment) -> None:
    commits = GroupCommit(migrated, inbox_limit=UNBOUNDED)

    def post(request_id: str, request_hmac: str, items: list[IncomingEvent]) -> list[str]:
        key = RequestKey("caller", request_id, request_hmac)
        return [one.status for one in commits.submit(items, key).result(30)]

    assert post("r1", "h1", [view("i1"), view("i2")]) == ["accepted", "accepted"]
    assert post("r1", "h1", [view("i1"), view("i2")]) == ["duplicate", "duplicate"]
    assert post("r1", "h2", [view("i1"), view("i3")]) == ["conflict", "conflict"]
    assert post("r2", "h2", [view("i3")]) == ["accepted"]
    assert rows(migrated, Event) == 3


def test_e10_burst_is_stored_or_refused_and_never_dropped(migrated: Environment) -> None:
    commits = GroupCommit(migrated, inbox_limit=UNBOUNDED, queue_limit=200)

    def post(number: int) -> int:
        items = [view(f"{number}-{one}", email=f"p{one}@example.jp") for one in range(20)]
        try:
            found = commits.submit(items).result(60)
        except BusyError:
            return 0
        return sum(one.status == "accepted" for one in found)

    with ThreadPoolExecutor(40) as pool:
        accepted = list(pool.map(post, range(200)))
    assert set(accepted) == {0, 20}  # some had to come again
    assert rows(migrated, Event) == sum(accepted)


def test_a_full_inbox_turns_events_away_until_it_has_room(migrated: Environment) -> None:
    seconds = 0.0
    commits = GroupCommit(migrated, inbox_limit=3, monotonic=lambda: seconds)
    commits.submit([view() for _ in range(3)]).result(30)
    refused, accepted, deadline = None, 3, time.monotonic() + 30
    while refused is None and time.monotonic() < deadline:
        seconds += 10.0
        try:
            commits.submit([view()]).result(30)  # nobody has looked yet
            accepted += 1
        except BusyError as error:
            refused = error
    assert refused is not None
    assert "inbox is full" in str(refused)
    assert refused.retry_after == 5
    assert commits.run(lambda _session: "done", "a", may_wait_behind=True) == "done"
    with pytest.raises(BusyError):
        commits.run(lambda _session: "done", "a")
    with migrated.database.write() as session:
        for event in session.exec(select(Event)).all():
            event.applied_at = migrated.clock.now()
            session.add(event)
    while time.monotonic() < deadline:
        seconds += 10.0
        with contextlib.suppress(BusyError):
            commits.submit([view()]).result(30)
            accepted += 1
            break
        time.sleep(0.01)
    assert rows(migrated, Event) == accepted


def test_a_request_whose_sender_left_is_not_stored(migrated: Environment) -> None:
    commits = GroupCommit(migrated, inbox_limit=UNBOUNDED)
    with commits._batches._changed:  # its threads cannot take anything yet
        gone = commits.submit([view("gone")])
        kept = commits.submit([view("kept")])
        assert gone.cancel()
    assert kept.result(30)[0].status == "accepted"
    assert rows(migrated, Event) == 1


def test_work_of_a_group_is_done_in_the_order_of_its_locks_and_fails_alone(migrated: Environment) -> None:
    commits = GroupCommit(migrated, inbox_limit=UNBOUNDED)
    done: list[str] = []

    def work(name: str) -> Callable[[Session], str]:
        def do(session: Session) -> str:
            if name == "poison":
                raise RuntimeError(name)
            ingest(session, migrated, [view(name)])
            done.append(name)
            return name

        return do

    names = ["d", "b", "poison", "a", "c"]
    began, go_on = threading.Event(), threading.Event()

    def hold(_session: Session) -> bool:
        began.set()
        return go_on.wait(30)

    with ThreadPoolExecutor(len(names) + 1) as pool:
        first = pool.submit(commits.run, hold, "")
        try:
            assert began.wait(30)
            futures = [pool.submit(commits.run, work(name), name) for name in names]
            until(lambda: len(commits._works._waiting) == len(names))
        finally:
            go_on.set()
        assert first.result(30)
    assert [one.result(30) for one in futures if one.exception(30) is None] == ["d", "b", "a", "c"]
    assert done[:4] == ["a", "b", "c", "d"]  # then each by itself
    assert rows(migrated, Event) == 4


def test_a_database_that_is_away_is_not_asked_by_each_request_of_a_group(migrated: Environment) -> None:
    asked: list[int] = []

    def store(requests: Sequence[int]) -> Sequence[int]:
        asked.append(len(requests))
        raise OperationalError("away", None, Exception("connection refused"))

    groups: Groups[int, int] = Groups("test", store, queue_limit=100, group_limit=100)
    with groups._changed:
        futures = [groups.submit(number, 1) for number in range(10)]
    assert all(isinstance(future.exception(30), OperationalError) for future in futures)
    assert asked == [10, 1, 1]


def test_a_fact_of_the_engine_is_stored_once_with_its_key(migrated: Environment) -> None:
    with migrated.database.write() as session:
        lead_id = ingest(session, migrated, [view()])[0].lead_id
        assert lead_id is not None
    for expected in (True, False):
        with migrated.database.write() as session:
            found = record_own(session, migrated, "email_sent", lead_id, "message:m:sent", message_id="m")
            assert found is expected
    with migrated.database.read() as session:
        (key,) = session.exec(select(EventKey)).all()
        assert session.get_one(Event, key.event_id).type == "email_sent"
    assert rows(migrated, Event) == 2
