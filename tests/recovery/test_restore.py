"""A database that was restored from a backup while mails went out: found out, stopped, accepted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlmodel import select
from temporalio.client import Client
from typer.testing import CliRunner, Result

from leadloop.cli.main import app
from leadloop.contracts import JOURNEY_WORKFLOW, Letter, SendRequest, Watermark, journeys_queue
from leadloop.delivery.mailbox import Mailbox
from leadloop.inbox.doctor import examine
from leadloop.inbox.erasure import erase_lead
from leadloop.inbox.holding import hold
from leadloop.inbox.ingestion.ingest import IncomingEvent, ingest
from leadloop.inbox.operations.commands import pause_journey, resume_journey
from leadloop.inbox.operations.log import Caller
from leadloop.inbox.recovery import restore
from leadloop.inbox.recovery.lost_sends import Run, Sent
from leadloop.inbox.recovery.restored import close_the_gate, gate_is_closed
from leadloop.inbox.recovery.watermark import WatermarkKeeper, read_watermark
from leadloop.inbox.relaying.due_rows import DECAY, ENTRY
from leadloop.journey.failures import HeldCode
from leadloop.leads.identity import find_lead
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Due, Enrolment, EnrolmentStatus, Lead, Message, MessageStatus
from tests.factories import NOW, SECRET, ManualClock, make_lead
from tests.inbox.driver import journeys, mails, report, settle
from tests.recovery.world import World, connect_soon, delete_workflow, until


async def _command(*words: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, list(words))


async def _mirror(world: World, client: Client) -> None:
    """What the services do every ten seconds."""
    await WatermarkKeeper(world.env, client, world.workspace).run_once()


def _lead(world: World, name: str) -> Lead:
    with world.env.database.read() as session:
        lead = find_lead(session, world.env, f"{name}@kaisha.example")
    assert lead is not None
    return lead


def _click(world: World, name: str) -> None:
    """The person clicks the link of the first mail."""
    lead_id = _lead(world, name).id
    with world.env.database.write() as session:
        message = session.exec(
            select(Message).where(Message.lead_id == lead_id, Message.step_id == "thanks")
        ).one()
        item = IncomingEvent("email_clicked", lead_id=lead_id, message_id=message.id, source="tracking")
        assert ingest(session, world.env, [item])[0].status == "accepted"


def _refuse(world: World, name: str) -> None:
    lead_id = _lead(world, name).id
    with world.env.database.write() as session:
        item = IncomingEvent("unsubscribed", {"topic": "nurture"}, lead_id=lead_id, source="tracking")
        assert ingest(session, world.env, [item])[0].status == "accepted"


def _journey(world: World, name: str) -> Enrolment:
    lead_id = _lead(world, name).id
    (found,) = [row for row in world.journeys() if row.lead_id == lead_id]
    return found


def _mails_of(world: World, name: str) -> dict[str, Message]:
    lead_id = _lead(world, name).id
    return {mail.step_id: mail for mail in world.mails() if mail.lead_id == lead_id}


@pytest.fixture
def configured(world: World, temporal: str, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("LEADLOOP_STATE", str(world.folder))
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal)
    return world


async def test_d6_restored_backup_sends_nothing_until_it_is_accepted_and_nothing_twice(
    configured: World, temporal: str
) -> None:
    world = configured
    world.enter("taro", "hanako", "jiro", "saburo")
    async with world.running(temporal) as client:
        await until(lambda: len(world.mails()) == 4 and world.all_wait(), "all wait")
        await _mirror(world, client)
    world.back_up()

    async with world.running(temporal) as client:  # the day after the backup
        _click(world, "taro")
        world.enter("shiro")
        hanako = _lead(world, "hanako").id
        await asyncio.to_thread(erase_lead, world.env, hanako, "tests")
        _refuse(world, "saburo")
        await until(lambda: world.delivered() == 6, "taro's case and shiro's thanks went out")
        await until(lambda: _journey(world, "taro").next["kind"] == "end", "taro is through")
        case = _mails_of(world, "taro")["case"].id
        shiro = _journey(world, "shiro").id
        shiros_mail = _mails_of(world, "shiro")["thanks"].id
        await _mirror(world, client)

    world.restore()
    async with world.running(temporal) as client:
        assert await asyncio.to_thread(gate_is_closed, world.env)
        _click(world, "taro")  # again: his click of that day is lost
        world.enter("goro")
        await until(lambda: len(world.journeys()) == 5, "new people enter all the same")
        status = await _command("status")
        assert "STOPPED: this database is older" in status.output
        doctor = await _command("doctor")
        assert doctor.exit_code == 1
        assert "6 known" in doctor.output
        plain = await _command("recover")
        assert (plain.exit_code, "--accept-restore" in plain.output) == (1, True)
        dry = await _command("recover", "--accept-restore", "--dry-run", "--json")
        assert dry.exit_code == 0, dry.output
        assert await asyncio.to_thread(gate_is_closed, world.env)
        assert "case" not in _mails_of(world, "taro")
        assert world.delivered() == 6

        done = await _command("recover", "--accept-restore", "--yes", "--json")
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        assert found["uncertain"] == [case]
        assert found["gone"] == [shiro]
        assert found["lost_messages"] == [shiros_mail]
        assert found["erased_again"] == [hanako]
        assert found["held"] == []
        assert found["refused_again"] == 1
        assert {name: json.loads(dry.stdout)[name] for name in ("uncertain", "gone", "erased_again")} == {
            name: found[name] for name in ("uncertain", "gone", "erased_again")
        }
        await until(lambda: _journey(world, "taro").next["kind"] == "end", "taro goes on")
        await until(lambda: _journey(world, "saburo").outcome == "unsubscribed", "his refusal is back")
        _click(world, "jiro")
        await until(lambda: _journey(world, "jiro").next["kind"] == "end", "jiro gets his mail")
        await until(lambda: world.delivered() == 8, "goro's thanks, jiro's case")
        await _mirror(world, client)
        known = await read_watermark(client, world.workspace)
        assert known is not None
        assert known.epoch == 2
    taro = _mails_of(world, "taro")["case"]
    assert (taro.status, taro.reason) == (MessageStatus.UNCERTAIN, "before_restore")
    assert _mails_of(world, "jiro")["case"].status == MessageStatus.SENT
    assert set(world.sink.received.values()) == {1}
    assert _journey(world, "jiro").generation == 2
    with world.env.database.read() as session:
        assert session.get_one(Lead, hanako).email is None
        assert session.get_one(Lead, hanako).erased_at is not None
    box = Mailbox(world.folder / "mailbox")
    for message_id in world.sink.received:
        box.store(f"X-Leadloop-Message: {message_id}\r\n\r\nhello".encode(), "a@b.example")
    assert examine(world.env, world.folder / "mailbox").problems == []
    query = f"WorkflowType = '{JOURNEY_WORKFLOW}' AND TaskQueue = '{journeys_queue(world.workspace)}'"
    client = await connect_soon(temporal)
    for _ in range(2400):  # the sweeper brings what a worker that was stopped has not ended, after a minute
        left = [one.id async for one in client.list_workflows(f"{query} AND ExecutionStatus = 'Running'")]
        if left == [f"journey-{_journey(world, 'goro').id}"]:
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError(f"running: {left}")


@pytest.mark.fault
async def test_d6_a_journey_without_a_history_is_held(configured: World, temporal: str) -> None:
    """Its history was deleted, or is older than what the namespace keeps: nobody knows what it sent."""
    world = configured
    world.enter("taro", "jiro")
    async with world.running(temporal) as client:
        await until(lambda: len(world.mails()) == 2 and world.all_wait(), "both wait")
        await _mirror(world, client)
        world.back_up()
        _click(world, "taro")
        await until(lambda: _journey(world, "taro").next["kind"] == "end", "taro is through")
        await _mirror(world, client)
        await delete_workflow(client, _journey(world, "taro").id)
    world.restore()
    async with world.running(temporal):
        assert await asyncio.to_thread(gate_is_closed, world.env)
        done = await _command("recover", "--accept-restore", "--yes", "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["held"] == [_journey(world, "taro").id]
        _click(world, "taro")
        _click(world, "jiro")
        await until(lambda: _journey(world, "jiro").next["kind"] == "end", "jiro goes on")
    assert _journey(world, "taro").status == EnrolmentStatus.HELD
    assert "restored from a backup" in (_journey(world, "taro").held_reason or "")
    assert _journey(world, "taro").held_code == "restored"
    assert world.delivered() == 4
    assert set(world.sink.received.values()) == {1}


async def test_recover_with_nothing_to_accept_says_so(configured: World, temporal: str) -> None:
    await connect_soon(temporal)
    done = await _command("recover", "--accept-restore", "--yes")
    assert (done.exit_code, "nothing to do" in done.output) == (0, True)


@pytest.mark.parametrize(("hold", "held"), [(True, 1), (False, 0)])
async def test_d6_unproven_journeys_are_held_and_their_mails_under_way_count_as_sent(
    env: Environment, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, hold: bool, held: int
) -> None:
    """Two journeys with a mail under way; of one Temporal has kept nothing."""
    for name in ("taro", "jiro"):
        report(
            env, "form_submitted", email=f"{name}@kaisha.example", properties={"form": "whitepaper"},
            identity={"consent": True}, source="form", trust="verified",
        )  # fmt: skip
    settle(env, deliver=lambda env, message_id: None)
    proven, unproven = journeys(env)
    found_at = clock.advance(hours=1)
    mark = Watermark(database_id="one", at=found_at, handed_over=1)
    close_the_gate(env, "behind", mark, mark)
    letter = Letter.model_validate(proven.next["letter"])
    sent = SendRequest(message_id=proven.next["message_id"], generation=1, letter=letter)

    async def runs(*_: object) -> AsyncIterator[Run]:
        yield Run(proven.id, "run", True, NOW, 1, (Sent(sent, NOW),))
        yield Run(proven.id, "later", True, found_at, 9, ())

    async def nothing_known(*_: object) -> None:
        return None

    monkeypatch.setattr(restore, "runs_since", runs)
    monkeypatch.setattr(restore, "read_watermark", nothing_known)
    acceptance = restore.Acceptance(env, cast(Client, None), "acme", hold_unproven=hold)
    found = await acceptance.find_out(lambda done: None)
    assert found.held == [unproven.id][:held]
    statuses = {mail.enrolment_id: mail.status for mail in mails(env)}
    assert statuses[proven.id] == MessageStatus.UNCERTAIN
    assert statuses[unproven.id] == (MessageStatus.UNCERTAIN if hold else MessageStatus.NEW)
    acceptance = restore.Acceptance(env, cast(Client, None), "acme", hold_unproven=hold)
    again = await acceptance.find_out(lambda done: None)  # the command was given again
    assert (again.uncertain, again.held) == ([], [])
    assert {mail.enrolment_id: mail.status for mail in mails(env)} == statuses


async def test_d6_a_paused_journey_without_a_history_is_held_when_it_is_resumed(
    env: Environment, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(
        env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"},
        identity={"consent": True}, source="form", trust="verified",
    )  # fmt: skip
    settle(env, deliver=lambda env, message_id: None)
    (journey,) = journeys(env)
    pause_journey(env, journey.id, Caller("tests"))
    mark = Watermark(database_id="one", at=clock.advance(hours=1), handed_over=1)
    close_the_gate(env, "behind", mark, mark)

    async def no_runs(*_: object) -> AsyncIterator[Run]:
        none: list[Run] = []
        for run in none:
            yield run

    async def nothing_known(*_: object) -> None:
        return None

    monkeypatch.setattr(restore, "runs_since", no_runs)
    monkeypatch.setattr(restore, "read_watermark", nothing_known)
    acceptance = restore.Acceptance(env, cast(Client, None), "acme")
    assert (await acceptance.find_out(lambda done: None)).held == [journey.id]
    acceptance.open_gate("tests")
    assert [mail.status for mail in mails(env)] == [MessageStatus.UNCERTAIN]
    (journey,) = journeys(env)
    assert journey.status == EnrolmentStatus.PAUSED
    resume_journey(env, journey.id, Caller("tests"))
    (journey,) = journeys(env)
    assert (journey.status, journey.held_reason) == (EnrolmentStatus.HELD, restore.NO_PROOF)


async def test_d6_a_journey_that_was_held_already_says_that_nobody_knows_what_it_sent(
    env: Environment, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may have let it try again since: its old reason alone would invite a second mail."""
    report(
        env, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"},
        identity={"consent": True}, source="form", trust="verified",
    )  # fmt: skip
    settle(env, deliver=lambda env, message_id: None)
    with env.database.write() as session:
        row = session.get_one(Enrolment, journeys(env)[0].id)
        hold(row, HeldCode.MAIL_FAILED, "the mail of `thanks` failed: gave_up smtp_451")
        session.add(row)
    mark = Watermark(database_id="one", at=clock.advance(hours=1), handed_over=1)
    close_the_gate(env, "behind", mark, mark)

    async def no_runs(*_: object) -> AsyncIterator[Run]:
        none: list[Run] = []
        for run in none:
            yield run

    async def nothing_known(*_: object) -> None:
        return None

    monkeypatch.setattr(restore, "runs_since", no_runs)
    monkeypatch.setattr(restore, "read_watermark", nothing_known)
    for _ in range(2):  # a run that was stopped is repeated
        await restore.Acceptance(env, cast(Client, None), "acme").find_out(lambda done: None)
    (journey,) = journeys(env)
    assert (journey.status, journey.held_code) == (EnrolmentStatus.HELD, "restored")
    old = "the mail of `thanks` failed: gave_up smtp_451"
    assert journey.held_reason == f"{restore.NO_PROOF}; before that: {old}"
    assert [mail.status for mail in mails(env)] == [MessageStatus.UNCERTAIN]


async def test_d6_entries_by_time_of_the_lost_stretch_count_as_done(
    env: Environment, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def runs(*_: object) -> AsyncIterator[Run]:
        none: list[Run] = []
        for run in none:
            yield run

    async def nothing_known(*_: object) -> None:
        return None

    monkeypatch.setattr(restore, "runs_since", runs)
    monkeypatch.setattr(restore, "read_watermark", nothing_known)
    with env.database.write() as session:
        lead = make_lead(session, env)
        for key, kind, hours in (
            ("lost", ENTRY, 1),
            ("later", ENTRY, 3),
            ("a:engagement", DECAY, 1),
            ("b:engagement", DECAY, 3),
            ("broken", DECAY, 1),
        ):
            at = NOW + timedelta(hours=hours)
            session.add(Due(key=key, lead_id=lead.id, kind=kind, due_at=at))
    clock.advance(hours=2)
    mark = Watermark(database_id="one", at=clock.now(), handed_over=1)
    close_the_gate(env, "behind", mark, mark)
    found = await restore.Acceptance(env, cast(Client, None), "acme").find_out(lambda done: None)
    assert (found.entries_passed, found.changes_passed) == (1, 1)
    with env.database.read() as session:
        assert sorted(session.exec(select(Due.key)).all()) == ["b:engagement", "broken", "later"]
