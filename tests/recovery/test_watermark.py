"""The watermark: what Temporal knows of a database, and what a difference means."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import workflows.watermark
from leadloop.contracts import (
    MOST_TOMBSTONES,
    WATERMARK_WORKFLOW,
    ErasedLead,
    Watermark,
    journeys_queue,
    watermark_workflow_id,
)
from leadloop.delivery.claim import claim_message
from leadloop.delivery.handovers import add_handovers
from leadloop.delivery.smtp import RetryLaterError
from leadloop.inbox.applier import apply_once
from leadloop.inbox.recovery.refusals import RefusalMirror, refuse_again
from leadloop.inbox.recovery.restored import close_the_gate, gate_is_closed
from leadloop.inbox.recovery.watermark import WatermarkKeeper, compare, own_mark, read_watermark
from leadloop.leads.consent import may_mail, record_refusal
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Consent, MessageStatus, Tombstone
from tests.factories import NOW, ManualClock, make_enrolment, make_lead, make_message, make_workspace
from tests.inbox.driver import journeys, report, settle, turn
from tests.recovery.world import World, connect_soon
from workflows.watermark import WatermarkWorkflow


def _mark(**values: object) -> Watermark:
    return Watermark.model_validate({"database_id": "one", "at": NOW, "handed_over": 5} | values)


@pytest.mark.parametrize(
    ("mine", "known", "is_empty", "difference"),
    [
        ({}, None, False, None),  # Temporal lost its data, or is new
        ({}, {}, False, None),
        ({"handed_over": 6}, {}, False, None),
        ({"handed_over": 4}, {}, False, "behind"),
        ({"erased": 1}, {"erased": 2}, False, "behind"),
        ({"handed_over": 4, "epoch": 2}, {}, False, None),  # accepted
        ({"handed_over": 9}, {"epoch": 2}, False, "behind"),  # a backup from before an acceptance
        ({"database_id": "two", "handed_over": 9}, {}, False, "other_database"),
        ({"database_id": "two", "handed_over": 0}, {}, True, None),
    ],
)
def test_compare_databases(
    mine: dict[str, object], known: dict[str, object] | None, is_empty: bool, difference: str | None
) -> None:
    found = compare(_mark(**mine), None if known is None else _mark(**known), is_empty)
    assert found == difference


def test_watermark_joins_reports_to_the_higher_numbers_of_one_epoch() -> None:
    dead = [ErasedLead(lead_id=name, erased_at=NOW) for name in "abc"]
    known = _mark(tombstones=dead[:2]).joined(_mark(handed_over=4, erased=3, tombstones=dead[1:]))
    assert (known.handed_over, known.erased) == (5, 3)
    assert [one.lead_id for one in known.tombstones] == ["a", "b", "c"]
    accepted = known.joined(_mark(handed_over=2, epoch=2))
    assert (accepted.handed_over, accepted.erased, len(accepted.tombstones)) == (2, 0, 3)
    late = accepted.joined(_mark(handed_over=99, at=NOW + timedelta(1)))  # has not heard of the new epoch
    assert (late.handed_over, late.epoch) == (2, 2)
    assert late.joined(_mark(database_id="two", handed_over=1)).tombstones == ()
    many = tuple(ErasedLead(lead_id=str(number), erased_at=NOW) for number in range(MOST_TOMBSTONES + 1))
    assert known.joined(_mark(tombstones=many)).tombstones == many[1:]


async def test_watermark_outlives_continuing_as_new_and_temporal_losing_it(
    world: World, temporal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflows.watermark, "MOST_SIGNALS", 2)
    client = await connect_soon(temporal)
    handle = client.get_workflow_handle(watermark_workflow_id(world.workspace))
    assert await read_watermark(client, world.workspace) is None
    first = ""
    for number in (1, 2, 3):
        with world.env.database.write() as session:
            add_handovers(session, number, 10)
        await WatermarkKeeper(world.env, client, world.workspace).run_once()
        first = first or (await handle.describe()).run_id
    async with Worker(
        client,
        task_queue=journeys_queue(world.workspace),
        workflows=[WatermarkWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        for _ in range(600):
            if (await handle.describe()).run_id != first:
                break
    assert (await handle.describe()).run_id != first
    known = await read_watermark(client, world.workspace)
    assert known is not None
    assert known.handed_over == 30
    await handle.terminate()
    keeper = WatermarkKeeper(world.env, client, world.workspace)
    await keeper.run_once()  # its history is still there, and a new run goes on from it
    assert not gate_is_closed(world.env)
    again = await read_watermark(client, world.workspace)
    assert again is not None
    assert again.handed_over == 30


async def test_watermark_that_temporal_lost_is_told_everything_again(world: World, temporal: str) -> None:
    """Also where another process has begun it anew with its own news only."""
    client = await connect_soon(temporal)
    with world.env.database.write() as session:
        lead = make_lead(session, world.env)
        record_refusal(session, lead.id, "nurture", None, NOW)
        session.add(Tombstone(lead_id="gone", erased_at=NOW, erased_by="tests"))
    keeper = WatermarkKeeper(world.env, client, world.workspace)
    await keeper.run_once()
    known = await read_watermark(client, world.workspace)
    assert known is not None
    assert [one.lead_id for one in known.refusals] == [lead.id]
    assert [one.lead_id for one in known.tombstones] == ["gone"]
    handle = client.get_workflow_handle(watermark_workflow_id(world.workspace))
    await handle.terminate()
    bare = known.model_copy(update={"refusals": (), "tombstones": (), "origin": "another process"})
    await client.start_workflow(
        WATERMARK_WORKFLOW, bare, id=handle.id, task_queue=journeys_queue(world.workspace)
    )
    keeper._looked_at = -1000.0  # a minute later
    await keeper.run_once()
    again = await read_watermark(client, world.workspace)
    assert again is not None
    assert (again.refusals, again.tombstones) == (known.refusals, known.tombstones)


def test_refusals_are_mirrored_once_and_written_again_where_they_are_unknown(
    env: Environment, clock: ManualClock
) -> None:
    mirror = RefusalMirror()
    with env.database.write() as session:
        leads = [make_lead(session, env, opt_in=True) for _ in range(2)]
        record_refusal(session, leads[0].id, "nurture", None, NOW)
        (first,) = mirror.new(session)
        mirror.mirrored()
        assert mirror.new(session) == []
        record_refusal(session, leads[1].id, "*", None, NOW)
        (second,) = mirror.new(session)
        for row in session.exec(select(Consent).where(Consent.basis == "refused")).all():
            session.delete(row)  # as in a backup of yesterday
        session.flush()
    gone = first.model_copy(update={"lead_id": "after the backup"})
    assert refuse_again(env, [first, second, gone]) == 2
    assert refuse_again(env, [first, second, gone]) == 0
    assert apply_once(env) == 2
    workspace = make_workspace()
    with env.database.read() as session:
        verdicts = [may_mail(session, env, lead, "nurture", workspace, clock.now()) for lead in leads]
    assert [one.reason for one in verdicts] == ["unsubscribed", "unsubscribed"]


async def test_another_database_with_journeys_is_stopped(world: World, temporal: str) -> None:
    client = await connect_soon(temporal)
    await WatermarkKeeper(world.env, client, world.workspace).run_once()
    with world.env.database.write() as session:
        mine = own_mark(session, world.env.clock.now())
    other = mine.model_copy(update={"database_id": "another"})
    assert compare(mine, other, is_empty=True) is None
    close_the_gate(world.env, "other_database", other, mine)
    known = await read_watermark(client, world.workspace)
    await WatermarkKeeper(world.env, client, world.workspace).run_once()
    assert await read_watermark(client, world.workspace) == known  # says nothing while it is stopped


def test_a_closed_gate_stops_claims_and_turns_and_changes_nothing(env: Environment) -> None:
    report(
        env, "form_submitted", email="a@kaisha.example", properties={"form": "whitepaper"},
        identity={"consent": True}, source="form", trust="verified",
    )  # fmt: skip
    settle(env)
    (journey,) = journeys(env)
    mark = _mark()
    close_the_gate(env, "behind", mark, mark)
    assert turn(env, journey.id, journey.turn_no + 2).status == "not_yet"  # no gap either
    with env.database.write() as session:
        lead = make_lead(session, env, opt_in=True)
        message = make_message(
            session,
            make_enrolment(session, journey.publication_id, lead),
            status=MessageStatus.NEW,
            sent_at=None,
        )
        with pytest.raises(RetryLaterError):
            claim_message(session, env, message.id, 1)
        assert (message.status, message.reason) == (MessageStatus.NEW, None)
