"""Erasing a person: journeys end, personal values go, HMACs keep the person out."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from sqlmodel import Session, SQLModel, select
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.contracts import ErasedLead
from leadloop.delivery.mailbox import Mailbox
from leadloop.inbox.applier import apply_once
from leadloop.inbox.doctor import examine
from leadloop.inbox.erasure import erase_again, erase_lead
from leadloop.inbox.recovery.watermark import tombstones_of
from leadloop.keys import Keys
from leadloop.leads.consent import is_suppressed
from leadloop.leads.identity import find_lead, link_identity
from leadloop.storage.database import Database, RowMissingError
from leadloop.storage.environment import Environment
from leadloop.storage.publications import PublicationStore
from leadloop.storage.tables import (
    Call,
    CallStatus,
    Deal,
    EnrolmentStatus,
    Event,
    Identity,
    Lead,
    Link,
    Message,
    MessageStatus,
    Operation,
    Record,
    Tombstone,
)
from tests.databases import copy_database, open_database
from tests.factories import SECRET, ManualClock, make_environment, make_lead
from tests.inbox.driver import journeys, mails, report, settle

pytestmark = pytest.mark.sqlite  # what is left is looked for in a dump of the file

CANARY = "kanariya"
ADDRESS = f"{CANARY}@kaisha.example"


def _enter(env: Environment, name: str = CANARY) -> str:
    """A person whose every value carries a canary asks for the paper."""
    result = report(
        env,
        "form_submitted",
        email=f"{name}@kaisha.example",
        properties={"form": "whitepaper"},
        identity={
            "family_name": f"{name}姓", "given_name": name, "company": "株式会社アクメ",
            "phone": "03-1234-5678", "job_title": f"{name}部長", "consent": True,
        },
        source="form",
        trust="verified",
    )  # fmt: skip
    settle(env)
    assert result.lead_id is not None
    return result.lead_id


def _render(session: Session, message: Message) -> None:
    """What the outbox stores of a mail."""
    message.rendered_to = ADDRESS
    message.subject, message.text_body, message.html_body = (f"{CANARY} 様", CANARY, f"<p>{CANARY}</p>")
    session.add(message)
    session.add(Link(message_id=message.id, position=0, url=f"https://acme.example/?who={CANARY}"))


def _surround(env: Environment, lead_id: str) -> None:
    """Write the person's values wherever the engine may have them."""
    journey = journeys(env)[0]
    with env.database.write() as session:
        for message in session.exec(select(Message)).all():
            _render(session, message)
        lead = session.get_one(Lead, lead_id)
        lead.fields, lead.tags = {"purchase_timing": CANARY}, [CANARY]
        session.add(lead)
        link_identity(session, env, lead, "visitor", CANARY, env.clock.now())
        now = env.clock.now()
        session.add(Deal(id="d1", lead_id=lead_id, note=CANARY, opened_at=now))
        session.add(
            Record(
                kind="estimate",
                key="e1",
                lead_id=lead_id,
                fields={"for": CANARY},
                created_at=now,
                updated_at=now,
            )
        )
        session.add(
            Call(
                call_key="k1", kind="webhook", enrolment_id=journey.id, publication_id=journey.publication_id,
                step_id="hook", visit=1, lead_id=lead_id, scenario=journey.scenario, to="crm",
                status=CallStatus.DONE, sink=True, body=CANARY, created_at=now,
            )
        )  # fmt: skip
        session.add(Operation(at=now, by="tests", action="pause", enrolment_id=journey.id, reason=CANARY))
        row = session.get_one(type(journey), journey.id)
        row.state = {**row.state, "results": {"ask": {"answer": CANARY}}}
        session.add(row)


def _dump(env: Environment) -> str:
    """Return every row of the database as text."""
    with env.database.read() as session:
        rows = [
            sorted(str(tuple(row)) for row in session.exec(table.select()))  # type: ignore[call-overload]
            for table in SQLModel.metadata.sorted_tables
        ]
    return "\n".join(text for table in rows for text in table)


def _lead(env: Environment, lead_id: str) -> Lead:
    with env.database.read() as session:
        return session.get_one(Lead, lead_id)


def test_x5_erasing_ends_journeys_at_once_and_leaves_no_personal_value(env: Environment) -> None:
    lead_id = _enter(env)
    _surround(env, lead_id)
    assert CANARY in _dump(env)
    erasure = erase_lead(env, lead_id, "tests")
    assert (erasure.status, erasure.journeys_ended, erasure.records, erasure.calls) == ("erased", 1, 1, 1)
    assert CANARY not in _dump(env)
    (journey,) = journeys(env)
    assert (journey.status, journey.outcome) == (EnrolmentStatus.ENDED, "erased")
    settle(env)  # the closing turn
    assert journeys(env)[0].next["kind"] == "end"
    assert CANARY not in _dump(env)
    assert examine(env).problems == []
    with env.database.read() as session:
        assert is_suppressed(session, env, ADDRESS)
        assert {one.kind for one in session.exec(select(Identity)).all()} == {"email"}
        assert session.get_one(Deal, "d1").note is None
        assert session.get_one(Tombstone, lead_id).erased_by == "tests"


def test_x5_a_queued_mail_of_an_erased_lead_is_not_sent(env: Environment) -> None:
    lead_id = _enter(env)
    report(env, "email_clicked", lead_id=lead_id, message_id=mails(env)[0].id, source="tracking")
    settle(env, deliver=lambda env, message_id: None)  # `case` waits for the mail server
    assert mails(env)[1].status == MessageStatus.NEW
    erase_lead(env, lead_id, "tests")
    assert (mails(env)[1].status, mails(env)[1].reason) == (MessageStatus.SKIPPED, "erased")


def test_x5_later_events_about_an_erased_person_are_refused(env: Environment) -> None:
    lead_id = _enter(env)
    erase_lead(env, lead_id, "tests")
    before = len(journeys(env))
    by_address = report(env, "form_submitted", email=ADDRESS.upper(), properties={"form": "whitepaper"})
    by_id = report(env, "page_viewed", lead_id=lead_id, properties={"path": f"/{CANARY}"})
    assert (by_address.status, by_id.status) == ("invalid", "invalid")
    assert by_address.problem == "this lead was erased"
    settle(env)
    assert len(journeys(env)) == before
    assert CANARY not in _dump(env)


def test_x5_an_event_that_was_accepted_before_the_erasure_is_emptied(env: Environment) -> None:
    """It was stored by a transaction that had not seen the erasure yet."""
    lead_id = _enter(env)
    erase_lead(env, lead_id, "tests")
    now = env.clock.now()
    with env.database.write() as session:
        session.add(
            Event(
                subject_id=lead_id, type="form_submitted", properties={"form": "whitepaper", "page": CANARY},
                identity={"family_name": CANARY}, source="form", occurred_at=now, received_at=now,
            )
        )  # fmt: skip
    assert apply_once(env) == 1
    assert CANARY not in _dump(env)
    assert len(journeys(env)) == 1
    assert _lead(env, lead_id).family_name is None
    assert examine(env).problems == []


def test_erasing_again_or_nobody(env: Environment) -> None:
    lead_id = _enter(env)
    erase_lead(env, lead_id, "tests")
    assert erase_lead(env, lead_id, "tests").status == "erased_before"
    with pytest.raises(RowMissingError):
        erase_lead(env, "nobody", "tests")


def test_erasing_takes_the_leads_that_were_merged_into_it(env: Environment) -> None:
    lead_id = _enter(env)
    with env.database.write() as session:
        other = make_lead(session, env, family_name=CANARY, email=f"old-{ADDRESS}", merged_into=lead_id)
    erase_lead(env, other.id, "tests")  # by the old id
    assert CANARY not in _dump(env)
    assert _lead(env, other.id).erased_at is not None
    with env.database.read() as session:
        assert is_suppressed(session, env, f"old-{ADDRESS}")


def test_erasing_rehearsed_changes_nothing(env: Environment) -> None:
    lead_id = _enter(env)
    before = _dump(env)
    erasure = erase_lead(env, lead_id, "tests", dry_run=True)
    assert (erasure.status, erasure.journeys_ended) == ("erased", 1)
    assert _dump(env) == before


def test_x5_an_older_copy_of_the_database_is_erased_again(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "today").mkdir()
    today = make_environment(tmp_path / "today", clock=clock)
    lead_id = _enter(today)
    late = _enter(today, "late")
    today.database.close()
    (tmp_path / "yesterday").mkdir()
    backup = copy_database(tmp_path / "today", tmp_path / "yesterday")
    today = _environment(open_database(tmp_path / "today"), clock)
    with today.database.write() as session:
        row = session.get_one(Lead, late)
        row.email = f"newer-{row.email}"
        link_identity(session, today, row, "email", row.email, clock.now())
    clock.advance(days=1)
    for one in (lead_id, late):
        erase_lead(today, one, "tests")
    with today.database.read() as session:
        known = tombstones_of(session.exec(select(Tombstone)).all())
    today.database.close()
    yesterday = _environment(backup, clock)
    assert CANARY in _dump(yesterday)
    assert [erase_again(yesterday, one) for one in known] == [True, True]
    assert [erase_again(yesterday, one) for one in known] == [False, False]
    assert CANARY not in _dump(yesterday)
    assert {row.outcome for row in journeys(yesterday)} == {"erased"}
    refused = report(yesterday, "page_viewed", email="newer-late@kaisha.example", properties={"path": "/"})
    assert refused.problem == "this lead was erased"  # an address that only the lost database knew
    yesterday.database.close()


def _environment(database: Database, clock: ManualClock) -> Environment:
    return Environment(database, clock, Keys(SECRET), PublicationStore(database))


def test_erasing_again_a_lead_that_the_copy_never_had_keeps_it_out(env: Environment) -> None:
    identity = env.keys.hash("identity", ADDRESS)
    known = ErasedLead(
        lead_id="01a2", erased_at=env.clock.now(), identities=(identity,), suppressed=("beef",)
    )
    assert erase_again(env, known)
    assert report(env, "page_viewed", email=ADDRESS).problem == "this lead was erased"
    with env.database.read() as session:
        lead = find_lead(session, env, ADDRESS)
        assert lead is not None
        assert lead.erased_at is not None


@pytest.fixture
def state(tmp_path: Path, env: Environment, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEADLOOP_STATE", str(tmp_path))
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", env.database.url)
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())
    return tmp_path


def test_lead_erase_asks_first_and_clears_the_mailbox(env: Environment, state: Path) -> None:
    lead_id = _enter(env)
    mailbox = Mailbox(state / "mailbox")
    mailbox.store(
        f"X-Leadloop-Message: {mails(env)[0].id}\r\nSubject: {CANARY}\r\n\r\n{CANARY}".encode(), ADDRESS
    )
    mailbox.store(b"Subject: another\r\n\r\n", "else@kaisha.example")
    run = CliRunner().invoke
    refused = run(app, ["lead", "erase", ADDRESS], input="n\n")
    assert refused.exit_code == 1
    assert "journeys to end: 1" in refused.output
    assert _lead(env, lead_id).erased_at is None
    dry = run(app, ["lead", "erase", lead_id, "--dry-run", "--json"])
    assert json.loads(dry.stdout)["dry_run"] is True
    assert _lead(env, lead_id).erased_at is None
    done = run(app, ["lead", "erase", lead_id, "--yes", "--by", "佐藤"])
    assert done.exit_code == 0, done.output
    assert f"lead {lead_id} is erased" in done.output
    assert _lead(env, lead_id).erased_at is not None
    assert [one.subject for one in mailbox.list()] == ["another"]
    kept = "".join(path.read_text() for path in (state / "mailbox").iterdir())
    assert CANARY not in kept
    again = run(app, ["lead", "erase", lead_id, "--yes"])
    assert "was erased before" in again.output


async def test_delete_lead_erases(env: Environment, state: Path) -> None:
    from leadloop.delivery.tokens import Tokens
    from leadloop.web.app import create_app

    lead_id = _enter(env)
    web = create_app(env, tokens=Tokens(env.keys), public_url="https://mail.acme.example")
    transport = httpx.ASGITransport(app=web)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        dry = await client.delete(f"/v1/leads/{lead_id}", params={"dry_run": True})
        assert (dry.status_code, dry.json()["dry_run"]) == (200, True)
        assert _lead(env, lead_id).erased_at is None
        done = await client.delete(f"/v1/leads/{lead_id}")
        assert (done.status_code, done.json()["status"]) == (200, "erased")
        assert (await client.get(f"/v1/leads/{lead_id}")).status_code == 404
        assert (await client.delete(f"/v1/leads/{lead_id}")).json()["status"] == "erased_before"
        assert (await client.delete("/v1/leads/nobody")).status_code == 404
        # The public must not learn who was erased.
        form = await client.post("/v1/forms/whitepaper", json={"email": ADDRESS})
        assert (form.status_code, form.json()["status"]) == (202, "accepted")
    assert CANARY not in _dump(env)
    assert len(journeys(env)) == 1


def test_doctor_finds_what_an_erasure_left(env: Environment) -> None:
    lead_id = _enter(env)
    _surround(env, lead_id)
    with env.database.write() as session:
        lead = session.get_one(Lead, lead_id)
        lead.erased_at = env.clock.now()
        session.add(lead)
    (found,) = [one for one in examine(env).checks if one.name == "nothing_of_the_erased"]
    kinds = {problem.split()[0] for problem in found.problems}
    assert kinds == {"lead", "event", "message", "enrolment"}
