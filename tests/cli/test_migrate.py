"""`leadloop migrate`: rehearsed, carried out, reported; R3 with it: a refused version changes nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leadloop.cli.main import app
from leadloop.inbox.publishing import PublishRefusedError, publish_workspace
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from tests.factories import SECRET, make_publication
from tests.inbox.driver import journeys
from tests.inbox.operations.plays import go, log_of
from tests.inbox.operations.test_migrating import republish
from tests.inbox.played import enter, environment, plan_of, rest, row_of

runner = CliRunner()


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """A journey on a step that the newest version has under another name."""
    opened = environment(tmp_path, plan_of(rest("old", days=100_000)))
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", opened.database.url)
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())
    monkeypatch.setenv("LEADLOOP_STATE", str(tmp_path / "state"))
    enter(opened, opt_in=True)
    go(opened)
    republish(opened, rest("new", days=90_000))
    yield opened
    opened.database.close()


def run(*words: str, code: int = 0) -> str:
    result = runner.invoke(app, ["migrate", *words])
    assert result.exit_code == code, result.output
    return result.output


def document(*words: str, code: int = 0) -> dict[str, Any]:
    result = runner.invoke(app, ["migrate", *words, "--json"])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_dry_run_names_what_nothing_maps(env: Environment) -> None:
    text = run("play", "--dry-run", code=1)
    assert "lacks `old`: say where people go with --map OLD=NEW" in text
    assert "dry run: nothing was changed" in text
    found = document("play", "--dry-run", "--map", "old=new")
    assert (found["people"], found["unmapped"], found["groups"][0]["to"]) == (1, [], "new")
    assert log_of(env) == []


def test_refused_without_a_map_and_told_who_still_waits(env: Environment) -> None:
    assert "1 on `old`" in run("play", code=1)
    (journey,) = journeys(env)
    assert journey.move_to is None
    found = document("play", "--map", "old=new", "--wait", "0", "--by", "sato")
    assert found["counts"] == {
        "moved": 0, "in_flight": 0, "waiting": 1, "paused": 0, "held": 0, "ended": 0,
    }  # fmt: skip
    assert found["journeys"][0]["journey"] == journey.id
    go(env)
    assert row_of(env, journey.id).state["step"] == "new"
    assert "everybody is on version" in run("play", "--wait", "0")
    assert [(one.by, one.action) for one in log_of(env)] == [("sato", "migrate")]


def test_report_says_what_each_does(env: Environment) -> None:
    text = run("play", "--map", "old=new", "--wait", "0")
    assert "1 moves in its next turn" in text
    assert journeys(env)[0].id in text


def test_wrong_map_is_refused(env: Environment) -> None:
    assert "OLD=NEW" in run("play", "--map", "old", code=2)
    assert "no step `nowhere`" in run("play", "--map", "old=nowhere", code=1)
    assert "no scenario `none`" in run("none", code=1)


def test_r3_refused_version_leaves_the_old_one_live_and_nobody_moved(env: Environment) -> None:
    """A version whose `on_edit: move` would lose people is refused as a whole."""
    live = env.publications.current().id
    bad = plan_of(rest("other"), on_edit=p.OnEdit(default="move"))
    with pytest.raises(PublishRefusedError, match="1 on `old`"):
        publish_workspace(env, make_publication(plans={"play": bad}), "tests", env.clock.now())
    go(env)
    assert env.publications.current().id == live
    (journey,) = journeys(env)
    assert (journey.state["step"], journey.move_to, journey.turn_no) == ("old", None, 1)
