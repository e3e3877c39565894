"""`leadloop journey`, `sending`, `operations`: what an operator does, by name and with a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.cli.operating import operation_line
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus
from tests.factories import SECRET
from tests.inbox.driver import journeys
from tests.inbox.operations.plays import go, log_of
from tests.inbox.played import enter, environment, plan_of, rest, row_of

runner = CliRunner()
UNKNOWN = p.WaitStep(id="w", wait=p.WaitSpec(until=p.Until(fact="run.entry.day")))


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    opened = environment(tmp_path, plan_of(rest(days=100_000)), plan_of(UNKNOWN, scenario="unknown"))
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", opened.database.url)
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())
    monkeypatch.setenv("LEADLOOP_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LOGNAME", "suzuki")
    enter(opened, opt_in=True)
    go(opened)
    yield opened
    opened.database.close()


def run(*words: str, code: int = 0) -> str:
    result = runner.invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def document(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json"))
    return found


def journey_of(env: Environment, scenario: str) -> str:
    return journeys(env, scenario)[0].id


def test_journey_is_listed_and_shown_with_what_was_done_to_it(env: Environment) -> None:
    journey_id = journey_of(env, "unknown")
    assert "that date is not known" in run("journey", "list", "--status", "held")
    (item,) = document("journey", "list", "--scenario", "play")["items"]
    assert (item["id"], item["status"], item["step"]) == (journey_of(env, "play"), "running", "rest")
    run("journey", "cancel", journey_id, "--reason", "the date never comes", "--by", "sato")
    text = run("journey", "show", journey_id)
    assert "cancelled" in text
    assert f"sato  cancel  {journey_id}: the date never comes" in text
    assert "no such journey" in run("journey", "show", "nobody", code=1)


def test_pause_and_resume_one_journey(env: Environment) -> None:
    journey_id = journey_of(env, "play")
    dry = run("journey", "pause", journey_id, "--clock", "freeze", "--dry-run")
    assert "dry run: nothing was changed" in dry
    assert row_of(env, journey_id).status == EnrolmentStatus.RUNNING
    assert "paused" in run("journey", "pause", journey_id, "--clock", "freeze")
    assert "with another clock: resume it first" in run(
        "journey", "pause", journey_id, "--clock", "run", code=1
    )
    assert row_of(env, journey_id).stops == {"journey": "freeze"}
    run("journey", "resume", journey_id)
    assert row_of(env, journey_id).status == EnrolmentStatus.RUNNING
    assert [(one.action, one.by) for one in log_of(env)] == [("pause", "suzuki"), ("resume", "suzuki")]


def test_pausing_a_scenario_reaches_its_journeys_before_the_command_ends(env: Environment) -> None:
    found = document("journey", "pause", "--scenario", "play")
    assert (found["paused"], found["journeys"], found["settled"]) == (True, 1, 1)
    assert row_of(env, journey_of(env, "play")).status == EnrolmentStatus.PAUSED
    assert row_of(env, journey_of(env, "unknown")).status == EnrolmentStatus.HELD
    run("journey", "resume", "--scenario", "play", "--dry-run")
    assert row_of(env, journey_of(env, "play")).status == EnrolmentStatus.PAUSED
    assert "play: resumed, 1 open journeys" in run("journey", "resume", "--scenario", "play")
    assert row_of(env, journey_of(env, "play")).status == EnrolmentStatus.RUNNING


def test_retry_asks_every_held_journey_of_a_scenario(env: Environment) -> None:
    assert run("journey", "retry", "--scenario", "unknown") == "unknown: 1 of 1 held journeys try again\n"
    assert row_of(env, journey_of(env, "unknown")).retry
    assert "the journey is not held" in run("journey", "retry", journey_of(env, "play"))


@pytest.mark.parametrize("about", ["one", "all"])
def test_what_is_so_already_is_said_and_ends_well(env: Environment, about: str) -> None:
    subject = (journey_of(env, "play"),) if about == "one" else ("--scenario", "play")
    for verb, words in (("pause", "it is paused already"), ("resume", "it is not paused")):
        run("journey", verb, *subject)
        assert run("journey", verb, *subject) == f"nothing to do: {words}\n"
        assert document("journey", verb, *subject)["no_op"] is not None
    run("journey", "pause", *subject, "--clock", "freeze")
    assert "with another clock" in run("journey", "pause", *subject, "--clock", "run", code=1)
    assert len(log_of(env)) == 3


def test_a_journey_that_ended_is_cancelled_once_and_otherwise_refused(env: Environment) -> None:
    journey_id = journey_of(env, "play")
    run("journey", "cancel", journey_id)
    assert run("journey", "cancel", journey_id) == "nothing to do: the journey was cancelled before\n"
    for verb in ("pause", "resume", "retry"):
        assert run("journey", verb, journey_id, code=1) == "nothing was changed: the journey has ended\n"


def test_a_word_that_is_no_choice_is_named_plainly(env: Environment) -> None:
    text = run("journey", "pause", "x", "--clock", "slow", code=2)
    assert "Invalid value for '--clock': 'slow' is not one of 'run', 'freeze', 'restart'." in text


def test_instants_are_those_of_the_workspace(env: Environment) -> None:
    row = row_of(env, journey_of(env, "play"))
    assert row.due_at is not None
    local = row.due_at.astimezone(ZoneInfo("Asia/Tokyo"))
    assert f"due at             {local:%Y-%m-%d %H:%M}\n" in run("journey", "show", row.id)


def test_operations_show_a_map_as_it_was_typed(env: Environment) -> None:
    operation = {
        "at": "2026-11-27T00:00:00+00:00",
        "by": "sato",
        "action": "migrate",
        "journey": None,
        "scenario": "play",
        "detail": {"version": "6d2a", "map": {"a": "b", "c": "d"}},
        "reason": "",
    }
    line = operation_line(operation, ZoneInfo("UTC"))
    assert line == "2026-11-27 00:00  sato  migrate  play (version 6d2a, map a=b c=d)"


def test_command_needs_one_journey_or_a_scenario(env: Environment) -> None:
    run("journey", "pause", code=2)
    run("journey", "pause", "x", "--scenario", "play", code=2)
    assert "no such journey" in run("journey", "pause", "x", code=1)
    assert "no scenario `none`" in run("journey", "pause", "--scenario", "none", code=1)
    assert "reason has 0 to 500" in run("journey", "pause", "x", "--reason", "y" * 501, code=1)


def test_sending_is_stopped_and_started(env: Environment) -> None:
    assert run("sending", "status") == "mails may leave\n"
    run("sending", "stop", "--dry-run")
    assert document("sending", "status")["stopped"] is False
    assert "stopped by sato: wrong price" in run("sending", "stop", "--by", "sato", "--reason", "wrong price")
    assert run("sending", "stop") == "nothing to do: sending is stopped already\n"
    assert document("sending", "status")["stopped"] is True
    run("sending", "start")
    assert document("sending", "status")["stopped"] is False
    text = run("operations")
    assert "start sending  all mail" in text
    assert "sato  stop sending  all mail: wrong price" in text
    assert [one["action"] for one in document("operations")["items"]] == ["start_sending", "stop_sending"]


def test_status_and_why_tell_of_pauses_and_who_made_them(env: Environment, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    (state / "ports.json").write_text('{"temporal_ui": 8233}')
    run("journey", "pause", "--scenario", "play", "--clock", "freeze", "--reason", "wrong price")
    run("sending", "stop", "--by", "sato")
    text = run("status")
    assert "sending           STOPPED by sato; 0 mails held" in text
    assert "paused            play since" in text
    assert "held              unknown: 1, `w` waits for" in text
    assert "http://127.0.0.1:8233/namespaces/default/workflows?query=" in text
    found = document("status")
    (play,) = [one for one in found["scenarios"] if one["scenario"] == "play"]
    assert (play["paused"], play["pause"]["clock"], found["sending"]["stopped"]) == (1, "freeze", True)
    why = run("why", journeys(env, "play")[0].lead_id)
    assert "suzuki  pause  play (clock freeze, journeys 1): wrong price" in why
    assert "until somebody resumes its scenario; then it goes on where it stood" in why
    assert "8233/namespaces/default/workflows/journey-" in run("journey", "show", journey_of(env, "play"))
