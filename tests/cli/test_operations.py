"""What operators ask: status, scenarios, leads, events, doctor, publish, the schema, the server."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import select
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.storage.environment import Environment
from leadloop.storage.migrations import SCHEMA
from leadloop.storage.secret import note_secret
from leadloop.storage.tables import (
    Call,
    CallStatus,
    Due,
    Event,
    Lead,
    Message,
    MessageStatus,
    PublicationRow,
    Setting,
)
from tests.inbox.driver import journeys, mails, report, settle
from tests.language.workspaces import edited, write

ADDRESS = "yamada@example.jp"
runner = CliRunner()


def run(*words: str | Path, code: int = 0) -> str:
    """Run a command; return its standard output."""
    result = runner.invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.stdout


def document(*words: str | Path, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json", code=code))
    return found


def enter(env: Environment) -> None:
    report(env, "form_submitted", email=ADDRESS, properties={"form": "whitepaper"}, source="form")
    settle(env)


# --- status and scenarios


def test_status_counts_journeys_messages_and_what_is_due(published: Environment) -> None:
    enter(published)
    report(published, "page_viewed", email=ADDRESS, properties={"path": "/x"})
    found = document("status")
    (nurture,) = [one for one in found["scenarios"] if one["scenario"] == "whitepaper-nurture"]
    assert (nurture["entered"], nurture["running"]) == (1, 1)
    assert found["messages"] == {"sent": 1}
    assert found["next_due_at"].startswith("2026-11-21")
    assert (found["unapplied_events"], found["parked_events"], found["uncertain"]) == (1, 0, [])
    text = run("status")
    assert "2026-11-21 10:00 (Asia/Tokyo)" in text
    assert re.search(r"whitepaper-nurture +1 +1", text)


def test_status_lists_uncertain_messages(published: Environment) -> None:
    enter(published)
    with published.database.write() as session:
        message = session.get_one(Message, mails(published)[0].id)
        message.status, message.claimed_at = MessageStatus.UNCERTAIN, published.clock.now()
    assert [one["id"] for one in document("status")["uncertain"]] == [message.id]
    assert f"uncertain         message {message.id}" in run("status")


def test_scenarios_shows_versions_and_counts(published: Environment) -> None:
    enter(published)
    (nurture,) = [one for one in document("scenarios")["scenarios"] if one["entered"]]
    digest = published.publications.current().parts["plan:whitepaper-nurture"]
    assert nurture["version"] == digest[:12]
    assert digest[:12] in run("scenarios")


# --- leads


def test_lead_list_finds_by_text_and_stage(published: Environment) -> None:
    assert [one["email"] for one in document("lead", "list", "--text", "山田")["leads"]] == [ADDRESS]
    assert document("lead", "list", "--stage", "customer") == {"leads": []}
    assert ADDRESS in run("lead", "list")


def test_lead_show_tells_facts_scores_topics_and_journeys(published: Environment) -> None:
    enter(published)
    found = document("lead", "show", ADDRESS)
    assert (found["name"], found["facts"]["stage"]) == ("山田 太郎", "lead")
    assert found["topics"]["nurture"] == {"allowed": True, "basis": "opt_in", "reason": None}
    assert [one["scenario"] for one in found["journeys"]] == ["whitepaper-nurture"]
    by_id = run("lead", "show", found["id"])
    assert "may be mailed (opt_in)" in by_id
    assert "next due 2026-11-21 10:00" in by_id


def test_lead_timeline_is_in_the_leads_zone(published: Environment) -> None:
    enter(published)
    lines = document("lead", "timeline", ADDRESS)["lines"]
    assert any("資料請求" in line["text"] for line in lines)
    assert "2026-11-16 10:00" in run("lead", "timeline", ADDRESS)


@pytest.mark.parametrize("words", [["lead", "show"], ["lead", "timeline"], ["why"]])
def test_unknown_lead_is_said(published: Environment, words: list[str]) -> None:
    result = runner.invoke(app, [*words, "nobody@example.jp"])
    assert result.exit_code == 1
    assert "there is no such lead" in result.stderr


# --- events


def stored(env: Environment) -> list[Event]:
    with env.database.read() as session:
        return list(session.exec(select(Event)).all())


def test_event_send_stores_typed_properties_once(published: Environment) -> None:
    words = ["event", "send", "page_viewed", ADDRESS, "-p", "path=/pricing", "-p", "seconds=40", "--id", "e1"]
    assert document(*words)["status"] == "accepted"
    assert document(*words)["status"] == "duplicate"
    (event,) = stored(published)
    assert event.properties == {"path": "/pricing", "seconds": 40}
    assert "stored already" in run(*words)


def test_event_send_dry_run_stores_nothing(published: Environment) -> None:
    words = ["event", "send", "page_viewed", "new@example.jp", "-p", "path=1", "--dry-run"]
    assert run(*words) == "it would be accepted\n"
    assert stored(published) == []
    assert document("lead", "list", "--text", "new@example.jp") == {"leads": []}


def test_event_send_reads_a_time(published: Environment) -> None:
    run("event", "send", "page_viewed", ADDRESS, "-p", "path=/", "--at", "2026-11-01T10:00:00+09:00")
    assert stored(published)[0].occurred_at.isoformat() == "2026-11-01T01:00:00+00:00"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["nope", ADDRESS], 1, "type: no event `nope` is declared"),
        (["page_viewed", ADDRESS, "-p", "seconds=soon"], 1, "properties.seconds: expected"),
        (["page_viewed", "no-such-id"], 1, "lead: there is no lead with this id"),
        (["page_viewed", ADDRESS, "-p", "path"], 2, "write NAME=VALUE"),
        (["page_viewed", ADDRESS, "--at", "yesterday"], 2, "write a time"),
    ],
)
def test_event_send_explains_mistakes(published: Environment, words: list[str], code: int, text: str) -> None:
    result = runner.invoke(app, ["event", "send", *words])
    assert result.exit_code == code
    assert text in result.stderr
    assert stored(published) == []


# --- doctor


def test_doctor_passes_a_healthy_database(published: Environment) -> None:
    enter(published)
    assert run("doctor").splitlines()[-1] == "all checks passed"
    assert document("doctor")["ok"] is True


def test_doctor_exits_1_on_a_breach(published: Environment) -> None:
    enter(published)
    with published.database.write() as session:
        session.get_one(Message, mails(published)[0].id).status = MessageStatus.NEW
    text = run("doctor", code=1)
    assert "BREACH" in text
    assert mails(published)[0].id in text
    assert document("doctor", code=1)["ok"] is False


# --- publish and schema


def publications(env: Environment) -> list[PublicationRow]:
    with env.database.read() as session:
        return list(session.exec(select(PublicationRow)).all())


@pytest.fixture
def upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder whose database has the schema, and nothing in it."""
    monkeypatch.delenv("LEADLOOP_DATABASE_URL", raising=False)
    state = tmp_path / "state"
    monkeypatch.setenv("LEADLOOP_STATE", str(state))
    assert "upgraded the schema from nothing" in run("db", "upgrade")
    return state


def test_publish_makes_live_once(upgraded: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "workspace")
    dry = document("publish", "-w", folder, "--dry-run")
    assert (dry["publication"], dry["dry_run"]) == (None, True)
    assert "plan:welcome" in dry["changes"]["added"]
    assert "nothing is published" in runner.invoke(app, ["status"]).stderr
    first = document("publish", "-w", folder)["publication"]
    again = document("publish", "-w", folder)
    assert (again["publication"], again["changes"]["changed"]) == (first, [])
    assert run("publish", "-w", folder) == "nothing has changed\n"


def test_publish_names_what_changed(upgraded: Path, tmp_path: Path) -> None:
    run("publish", "-w", write(tmp_path / "workspace"))
    scenario = "scenarios/welcome.yaml"
    write(tmp_path / "workspace", edited(scenario, "scenario: welcome", "scenario: welcome\ntitle: ようこそ"))
    lines = run("publish", "-w", tmp_path / "workspace", "--dry-run").splitlines()
    assert (lines[0], lines[-1]) == ("changed  plan welcome", "dry run: nothing was published")


def test_publish_refuses_errors(upgraded: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "workspace", edited("scenarios/welcome.yaml", "go: tips", "go: tpis"))
    result = runner.invoke(app, ["publish", "-w", str(folder)])
    assert result.exit_code == 1
    assert "SCN402" in result.stderr
    assert "nothing is published" in runner.invoke(app, ["status"]).stderr


def test_publish_wants_the_schema(published: Environment, tmp_path: Path) -> None:
    with published.database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    result = runner.invoke(app, ["publish", "-w", str(write(tmp_path / "workspace"))])
    assert result.exit_code == 1
    assert "leadloop db upgrade" in result.stderr
    assert len(publications(published)) == 1


def test_db_check_says_what_is_needed(upgraded: Path, tmp_path: Path) -> None:
    assert run("db", "check") == f"the schema is {SCHEMA}\n"
    assert document("db", "check") == {
        "ok": True, "found": SCHEMA, "needed": SCHEMA, "pending": [], "missing_indexes": [],
    }  # fmt: skip
    assert run("db", "upgrade", "--dry-run") == f"the schema is {SCHEMA} already\n"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "leadloop.db").touch()
    result = runner.invoke(app, ["db", "check", "--state", str(tmp_path / "empty")])
    assert result.exit_code == 1
    assert "leadloop db upgrade" in result.stderr


def test_db_check_names_pending_steps_and_missing_indexes(published: Environment) -> None:
    engine = published.database.engine
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_enrolment_acting"))
    assert document("db", "check", code=1)["missing_indexes"] == ["ix_enrolment_acting"]
    assert "missing index: ix_enrolment_acting" in runner.invoke(app, ["db", "check"]).stderr
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    result = runner.invoke(app, ["db", "check"])
    assert (result.exit_code, "pending: 0006  " in result.stderr) == (1, True)
    dry = run("db", "upgrade", "--dry-run")
    assert f"from 0005 to {SCHEMA}\n  0006  " in dry


def test_db_prune_says_what_goes_and_does_it_when_told(published: Environment) -> None:
    long_ago = published.clock.now() - timedelta(days=3000)
    with published.database.write() as session:
        lead_id = session.exec(select(Lead.id)).one()
        session.add(
            Event(
                subject_id=lead_id, lead_id=lead_id, lead_seq=1, type="page_viewed", source="api",
                occurred_at=long_ago, received_at=long_ago, applied_at=long_ago,
            )
        )  # fmt: skip
    assert document("db", "prune", "--dry-run") == {
        "dry_run": True,
        "rows": {"score_entry": 0, "event": 1, "visitor": 0, "turn": 0, "message": 0, "event_key": 0},
    }  # fmt: skip
    assert "event: 1 rows removed" in run("db", "prune")
    assert document("db", "prune")["rows"]["event"] == 0


@pytest.mark.parametrize(
    "command", [("status",), ("serve",), ("key", "create", "a", "--scope", "read"), ("why", ADDRESS)]
)
def test_command_with_another_secret_is_refused(
    published: Environment, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    note_secret(published)
    monkeypatch.setenv("LEADLOOP_SECRET", "not the secret of the workers")
    result = runner.invoke(app, list(command))
    assert result.exit_code == 1
    assert "used with another secret" in result.stderr


# --- serve


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "leadloop.example"])
def test_serve_refuses_other_machines_without_api_keys(published: Environment, host: str) -> None:
    result = runner.invoke(app, ["serve", "--host", host])
    assert result.exit_code == 1
    assert "no API keys" in result.stderr


def test_serve_answers_until_it_is_stopped(published: Environment) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("leadloop")
    with subprocess.Popen(
        [program, "serve", "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").json()["status"] == "ok"
        assert httpx.get(f"http://127.0.0.1:{port}/mailbox").status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_serve_on_a_taken_port_is_explained(published: Environment) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        program = Path(sys.executable).with_name("leadloop")
        result = subprocess.run([program, "serve", "--port", str(port)], capture_output=True, text=True)
    assert result.returncode == 1
    assert "is the port taken?" in result.stderr
    assert "Traceback" not in result.stderr


def test_status_tells_what_waits_and_what_failed(published: Environment) -> None:
    report(published, "form_submitted", email="taro@kaisha.example", properties={"form": "whitepaper"})
    settle(published)
    (journey,) = journeys(published)
    now = published.clock.now()
    with published.database.write() as session:
        failed, done = CallStatus.FAILED, CallStatus.DONE
        for key, status, sink in (("a", failed, False), ("b", done, True), ("c", failed, True)):
            session.add(
                Call(
                    call_key=key,
                    kind="webhook",
                    enrolment_id=journey.id,
                    publication_id=journey.publication_id,
                    step_id="hook",
                    visit=1,
                    lead_id=journey.lead_id,
                    scenario=journey.scenario,
                    to="crm",
                    sink=sink,
                    status=status,
                    reason="http_404",
                    created_at=now,
                )
            )
        session.add(Due(key="waiting:x", lead_id=journey.lead_id, kind="waiting", due_at=now,
                        detail={"scenario": "dormant"}))  # fmt: skip
        wish = {"what": "move", "digest": "0" * 64}
        session.add(Setting(key="edition:p", value={"scenarios": {journey.scenario: wish}}))
        session.add(Setting(key="backfill", value={"publication": "p", "base": None, "round_id": "r",
                                                   "since": now.isoformat(), "visited": 7}))  # fmt: skip
    found = document("status")
    assert found["calls"] == {"failed": 1, "noted only": 2}
    assert found["failed_calls"][0] == {
        "scenario": journey.scenario, "to": "crm", "reason": "http_404", "number": 2,
    }  # fmt: skip
    assert [(one["scenario"], one["number"]) for one in found["waiting_entries"]] == [("dormant", 1)]
    assert found["editions"] == [{"scenario": journey.scenario, "what": "move", "remaining": 1}]
    assert (found["backfill"]["visited"], found["backfill"]["finished"]) == (7, False)
    text = run("status")
    assert "waiting entries   dormant 1, the next 2026-11-16 10:00" in text
    assert "new version       whitepaper-nurture: 1 to be told (move)" in text
    assert "backfill          7 leads looked at, " in text
