"""Counting handovers, erasing, looking for missing workflows and accepting a restore, on both databases."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest
from sqlmodel import delete, select
from temporalio.client import Client

from leadloop.delivery.handovers import count_handover
from leadloop.inbox.doctor import examine
from leadloop.inbox.erasure import erase_again, erase_lead
from leadloop.inbox.recovery import missing, restore
from leadloop.inbox.recovery.lost_sends import Run
from leadloop.inbox.recovery.missing import restart_missing
from leadloop.inbox.recovery.rebuild import begin_rebuild, rebuild_next
from leadloop.inbox.recovery.refusals import RefusalMirror, refuse_again
from leadloop.inbox.recovery.restored import close_the_gate, gate_is_closed
from leadloop.inbox.recovery.watermark import own_mark, tombstones_of
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event, Lead, Tombstone, Wake
from tests.factories import ManualClock
from tests.inbox.driver import journeys, report, settle

_THREADS = 8
_EACH = 5


def _enter(env: Environment, *names: str) -> list[str]:
    ids = []
    for name in names:
        result = report(
            env, "form_submitted", email=f"{name}@kaisha.example", properties={"form": "whitepaper"},
            identity={"family_name": name, "consent": True}, source="form", trust="verified",
        )  # fmt: skip
        ids.append(str(result.lead_id))
    settle(env)
    with env.database.write() as session:
        session.exec(delete(Wake))
    return ids


def test_handovers_are_counted_by_several_senders_at_once(migrated: Environment) -> None:
    def claim(sender: int) -> None:
        for number in range(_EACH):
            with migrated.database.write() as session:
                count_handover(session, f"message {sender} {number}")

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with migrated.database.write() as session:
        assert own_mark(session, migrated.clock.now()).handed_over == _THREADS * _EACH


def test_erasing_and_erasing_again(migrated: Environment) -> None:
    lead_id, other = _enter(migrated, "taro", "hanako")
    assert erase_lead(migrated, lead_id, "tests", dry_run=True).journeys_ended == 1
    erase_lead(migrated, lead_id, "tests")
    settle(migrated)
    with migrated.database.write() as session:
        assert session.get_one(Lead, lead_id).email is None
        assert session.get_one(Lead, other).email is not None
        emptied = session.exec(select(Event).where(Event.subject_id == lead_id)).all()
        assert [one.identity for one in emptied] == [{}] * len(emptied)
        known = tombstones_of(session.exec(select(Tombstone)).all())
        session.exec(delete(Tombstone))
    assert examine(migrated).problems == []
    unknown = known[0].model_copy(update={"lead_id": other})
    assert erase_again(migrated, unknown)
    assert {row.outcome for row in journeys(migrated)} == {"erased"}


async def test_missing_workflows_are_found_in_turn(
    migrated: Environment, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_gone(client: Client, enrolment_id: str) -> bool:
        return True

    monkeypatch.setattr(missing, "_is_gone", is_gone)
    _enter(migrated, "a", "b", "c")
    clock.advance(minutes=6)
    restarted = []
    for _ in range(3):
        restarted.append(await restart_missing(migrated, cast(Client, None), limit=2))
        clock.advance(seconds=11)
    assert restarted == [2, 1, 0]
    assert {row.generation for row in journeys(migrated)} == {2}


async def test_accepting_a_restore_holds_refuses_and_opens_the_gate(
    migrated: Environment, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_id, _ = _enter(migrated, "taro", "hanako")
    report(migrated, "unsubscribed", lead_id=lead_id, properties={"topic": "nurture"}, source="tracking")
    with migrated.database.write() as session:
        (refused,) = RefusalMirror().new(session)
        mine = own_mark(session, clock.now())
    proven, unproven = journeys(migrated)
    assert refuse_again(migrated, [refused]) == 0
    known = mine.model_copy(update={"handed_over": 9, "refusals": (refused,)})
    clock.advance(hours=1)
    close_the_gate(migrated, "behind", known, mine.model_copy(update={"at": clock.now()}))

    async def runs(*_: object) -> AsyncIterator[Run]:
        yield Run(proven.id, "run", True, clock.now() - timedelta(hours=1), 1, ())

    async def watermark(*_: object) -> object:
        return known

    monkeypatch.setattr(restore, "runs_since", runs)
    monkeypatch.setattr(restore, "read_watermark", watermark)
    acceptance = restore.Acceptance(migrated, cast(Client, None), "acme")
    found = await acceptance.find_out(lambda done: None)
    assert found.held == [unproven.id]
    rebuild, ended = rebuild_next(migrated, begin_rebuild(migrated), 10)
    assert (rebuild.done, ended) == (2, True)
    acceptance.open_gate("tests")
    assert not gate_is_closed(migrated)
    with migrated.database.write() as session:
        mark = own_mark(session, clock.now())
    assert (mark.handed_over, mark.epoch) == (9, 2)
