"""`leadloop deal`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from leadloop.cli.deal import app
from leadloop.clock import RealClock
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Deal, Event
from tests.databases import open_database
from tests.factories import SECRET, make_environment, make_lead

runner = CliRunner()


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A database that the settings name, with one lead."""
    environment = make_environment(tmp_path)
    with environment.database.write() as session:
        make_lead(session, environment, email="yamada@example.jp")
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", environment.database.url)
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())
    return environment


def deals(env: Environment) -> list[Deal]:
    with env.database.read() as session:
        return list(session.exec(select(Deal)).all())


def a_year_from_now() -> str:
    return f"{RealClock().now().year + 1}-04"


def test_lost_closes_the_open_deal_with_the_month_to_ask_again(env: Environment) -> None:
    assert runner.invoke(app, ["open", "yamada@example.jp", "--amount", "100"]).exit_code == 0
    result = runner.invoke(
        app, ["lost", "Yamada@Example.jp", "--reason", "timing", "--revisit", a_year_from_now()]
    )
    assert result.exit_code == 0, result.output
    assert f"ask again from {a_year_from_now()}-01" in result.output
    assert [(one.status, one.reason, one.amount) for one in deals(env)] == [("lost", "timing", 100)]


def test_lost_without_a_deal_records_one_as_json(env: Environment) -> None:
    result = runner.invoke(app, ["lost", "yamada@example.jp", "--reason", "no_budget", "--json"])
    body = json.loads(result.stdout)
    assert (body["status"], body["losses"], body["no_op"]) == ("lost", 1, None)


def test_won_deal_is_not_lost(env: Environment) -> None:
    runner.invoke(app, ["won", "yamada@example.jp", "--deal", "D-1"])
    result = runner.invoke(app, ["lost", "yamada@example.jp", "--deal", "D-1", "--reason", "timing"])
    assert result.exit_code == 1
    assert "nothing was changed: already won" in result.stderr
    again = runner.invoke(app, ["won", "yamada@example.jp", "--deal", "D-1"])
    assert (again.exit_code, again.stdout) == (0, "nothing to do: already won\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lost", "yamada@example.jp", "--reason", "whim"], "known: competitor"),
        (
            ["lost", "yamada@example.jp", "--reason", "timing", "--revisit", "spring"],
            "revisit_on: write a month",
        ),
        (["won", "nobody@example.jp"], "there is no such lead"),
        (["won", "not an @ddress"], "not a mail address"),
    ],
)
def test_mistakes_are_explained(env: Environment, arguments: list[str], words: str) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 1
    assert words in result.stderr
    with env.database.read() as session:
        assert session.exec(select(Event)).all() == []


def test_database_without_a_publication_gives_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = open_database(tmp_path / "empty")
    monkeypatch.setenv("LEADLOOP_DATABASE_URL", database.url)
    monkeypatch.setenv("LEADLOOP_SECRET", SECRET.decode())
    result = runner.invoke(app, ["won", "a@example.jp"])
    assert result.exit_code == 1
    assert "leadloop up" in result.stderr


def test_dry_run_shows_the_deal_and_changes_nothing(env: Environment) -> None:
    result = runner.invoke(app, ["lost", "yamada@example.jp", "--reason", "timing", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "lost, reason timing" in result.output
    assert "nothing was changed" in result.output
    assert deals(env) == []
