"""`leadloop enrol`: leads entered by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from tests.factories import SECRET, ManualClock, make_lead
from tests.inbox.driver import journeys
from tests.inbox.seminars import environment, plan, put_seminar, when

WAIT = p.WaitStep(id="w", wait=p.WaitSpec(span=p.Span(amount=300, unit="days")))
VIP = p.Segment(when=when('"vip" in lead.tags', lead__tags="texts"))
SEGMENTS = {"vip": VIP, "japan": VIP}


@pytest.fixture
def env(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    audience = when('lead.country == "JP"', lead__country="text")
    opened = environment(
        tmp_path, clock, plan(WAIT, entry=p.ManualMatch(), audience=audience), segments=SEGMENTS
    )
    with opened.database.write() as session:
        make_lead(session, opened, id="hanako", email="hanako@kaisha.example", country="JP")
        make_lead(session, opened, id="jiro", email="jiro@kaisha.example", country="US")
    put_seminar(opened)
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", opened.database.url)
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())
    monkeypatch.setenv("LEADLOOP_STATE", str(tmp_path / "state"))
    yield opened
    opened.database.close()


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["enrol", "seminar", *words])
    return result.exit_code, result.output


def test_enrol_says_who_enters_and_who_does_not(env: Environment) -> None:
    code, output = run("--lead", "hanako@kaisha.example", "--lead", "jiro", "--record", "s1")
    assert code == 1
    assert output.splitlines() == [
        "hanako@kaisha.example: entered",
        "jiro: does not enter: the lead is not in the audience",
        "1 entered, 0 later or by another, 1 not",
    ]
    assert [row.lead_id for row in journeys(env)] == ["hanako"]


def test_enrol_dry_runs_and_then_enters_with_success(env: Environment) -> None:
    code, output = run("--lead", "hanako", "--record", "s1", "--dry-run")
    assert (code, output.splitlines()[0]) == (0, "hanako: would enter")
    assert journeys(env) == []
    assert run("--lead", "hanako", "--record", "s1", "--key", "12月")[0] == 0
    code, output = run("--lead", "hanako", "--record", "s1", "--key", "12月")
    assert (code, output.splitlines()[0]) == (0, "hanako: asked before with this key")


def test_enrol_reads_addresses_from_a_file(env: Environment, tmp_path: Path) -> None:
    file = tmp_path / "招待.csv"
    file.write_text(
        "氏名,メールアドレス\n花子,hanako@kaisha.example\n次郎,jiro@kaisha.example\n", encoding="cp932"
    )
    code, output = run("--file", str(file), "--record", "s1", "--json")
    assert code == 1
    document = json.loads(output)
    assert [(one["status"], one["code"]) for one in document["items"]] == [
        ("entered", None),
        ("refused", "audience"),
    ]
    assert document["dry_run"] is False


def test_enrol_takes_a_segment_and_counts_reasons_of_many(env: Environment, tmp_path: Path) -> None:
    with env.database.write() as session:
        for number in range(110):
            make_lead(session, env, country="JP" if number else "US", segments=["vip", "japan"])
        make_lead(session, env, country="JP", segments=["japan"])
    code, output = run("--segment", "vips", "--record", "s1")
    assert (code, output) == (1, "segment: no segment `vips` is published\n")
    code, output = run("--segment", "vip", "--record", "s1")
    assert code == 1
    *refused, reason, total = output.splitlines()
    assert len(refused) == 1
    assert reason == "1 × the lead is not in the audience (audience)"
    assert total == "109 entered, 0 later or by another, 1 not"
    document = json.loads(run("--segment", "vip", "--record", "s1", "--json")[1])
    assert document["counts"] == {"status": {"refused": 110}, "code": {"open": 109, "audience": 1}}


def test_enrol_refuses_what_is_right_for_nobody(env: Environment, tmp_path: Path) -> None:
    code, output = run("--lead", "hanako")
    assert (code, output) == (1, "record: `seminar` runs per `seminar`: name its record\n")
    assert run("--record", "s1")[0] == 2
    code, output = run("--file", str(tmp_path / "none.csv"), "--record", "s1")
    assert code == 1
    assert "cannot read the file" in output
    assert journeys(env) == []


def test_import_takes_records_of_a_kind(env: Environment, tmp_path: Path) -> None:
    file = tmp_path / "セミナー.csv"
    file.write_text("key,title,starts_at\ns2,応用,2026-12-10T15:00:00+09:00\ns3,実践,soon\n")
    result = CliRunner().invoke(app, ["import", "--records", "seminar", str(file)])
    assert result.exit_code == 1
    assert f"{file}:3 (starts_at): not a time" in result.output
    assert "1 records (seminar) created" in result.output
    unknown = CliRunner().invoke(app, ["import", "--records", "seminer", str(file)])
    assert unknown.exit_code == 1
    assert "did you mean `seminar`?" in unknown.output
