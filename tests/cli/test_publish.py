"""`leadloop publish`: all or nothing, and asking before many mails."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from leadloop.storage.tables import PublicationRow
from tests.cli.shop import Shop, open_shop
from tests.language.workspaces import SCENARIO, WORKSPACE, Files, edited

S, W = "scenarios/welcome.yaml", "scenarios/workspace.yaml"
MANY: Files = {
    W: WORKSPACE.replace("limits: {", "limits: {confirm_over: 7, "),
    S: SCENARIO.replace("timeout: 5 days", "timeout: 6 days"),
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(getpass, "getuser", lambda: "sato")
    found = open_shop(tmp_path, monkeypatch)
    found.run("publish")
    return found


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """Four people come to two mails each within the hour; more than seven in a day want a yes."""
    shop.people(4, "read", due_at=datetime.now(UTC) + timedelta(hours=1))
    shop.edit(MANY)
    return shop


def rows(shop: Shop) -> list[PublicationRow]:
    newest: Any = PublicationRow.published_at
    with shop.environment() as env, env.database.read() as session:
        return list(session.exec(select(PublicationRow).order_by(newest)).all())


def test_publish_stores_source_plan_digest_who_and_when(shop: Shop) -> None:
    (row,) = rows(shop)
    assert row.published_by == "sato"
    assert (datetime.now(UTC) - row.published_at) < timedelta(hours=1)
    assert {"plan:welcome", "source:scenarios/welcome.yaml", "template:mail/thanks.ja.md"} <= row.parts.keys()
    with shop.environment() as env:
        assert env.publications.current().publication.sources[S] == SCENARIO


def test_publish_with_one_broken_file_publishes_nothing(shop: Shop) -> None:
    shop.edit(
        edited(S, "timeout: 5 days", "timeout: 6 days"),
        {
            "scenarios/broken.yaml": SCENARIO.replace("scenario: welcome", "scenario: broken").replace(
                "go: tips", "go: x"
            )
        },
    )
    result = shop.call("publish")
    assert result.exit_code == 1
    assert "nothing was published" in result.stderr
    assert len(rows(shop)) == 1


def test_publish_with_one_broken_template_publishes_nothing(shop: Shop) -> None:
    shop.edit(edited("templates/tips/1.ja.md", "{{ lead | addressee }}", "{{ lead.nmae }}"))
    assert shop.call("publish").exit_code == 1
    assert len(rows(shop)) == 1


def test_publish_dry_run_shows_the_plan(shop: Shop) -> None:
    shop.edit(edited(S, "timeout: 5 days", "timeout: 6 days"))
    text = shop.run("publish", "--dry-run")
    assert "  ~ read (await)" in text
    assert "mails expected" in text
    assert text.endswith("dry run: nothing was published\n")
    assert len(rows(shop)) == 1


def test_publish_dry_run_never_asks(busy: Shop) -> None:
    assert busy.document("publish", "--dry-run")["plan"]["needs_confirmation"] is True
    assert len(rows(busy)) == 1


def test_publish_asks_for_the_number_of_mails(busy: Shop) -> None:
    result = busy.call("publish", text="8\n")
    assert result.exit_code == 0, result.output
    assert "about 8 mails are expected in 24 hours, more than 7" in result.stderr
    assert (rows(busy)[-1].expected_mails, rows(busy)[-1].approved_by) == (8, None)


@pytest.mark.parametrize("text", ["", "y\n", "7\n", "80\n"])
def test_publish_wants_exactly_the_number(busy: Shop, text: str) -> None:
    result = busy.call("publish", text=text)
    assert result.exit_code == 1
    assert "nothing was published" in result.stderr
    assert len(rows(busy)) == 1


@pytest.mark.parametrize(("number", "code"), [("8", 0), ("10", 0), ("7", 1), ("0", 1)])
def test_publish_confirmed_by_a_script(busy: Shop, number: str, code: int) -> None:
    result = busy.call("publish", "--confirm", number)
    assert result.exit_code == code
    assert len(rows(busy)) == (2 if code == 0 else 1)


def test_publish_approved_by_another(busy: Shop) -> None:
    busy.run("publish", "--approved-by", "suzuki")
    assert (rows(busy)[-1].approved_by, rows(busy)[-1].published_by) == ("suzuki", "sato")
    assert "sato, suzuki" in busy.run("scenarios", "welcome")


@pytest.mark.parametrize("name", ["sato", " Sato ", " "])
def test_publish_approved_by_oneself_is_refused(busy: Shop, name: str) -> None:
    result = busy.call("publish", "--approved-by", name)
    assert result.exit_code == 1
    assert "cannot approve" in result.stderr
    assert len(rows(busy)) == 1


def test_publish_of_what_is_live_never_asks(busy: Shop) -> None:
    busy.run("publish", "--confirm", "8")
    assert busy.run("publish") == "nothing has changed\n"


def test_publish_refuses_to_lose_a_step_with_people(shop: Shop) -> None:
    shop.people(2, "case")
    case = "  - id: case\n    send: {template: mail/case}\n"
    shop.edit({S: SCENARIO.replace(case, "").replace("goal:", "on_edit: {default: move}\ngoal:")})
    result = shop.call("publish")
    assert result.exit_code == 1
    assert "welcome: 2 on `case`" in result.stderr
    assert "Traceback" not in result.output
    assert len(rows(shop)) == 1


def test_publish_says_what_becomes_of_journeys(shop: Shop) -> None:
    shop.people(2, "case")
    shop.edit({S: SCENARIO.replace("goal:", "on_edit: {default: move}\ngoal:")})
    assert "journeys that move to the new version in their next turn: 2\n" in shop.run("publish")


def test_publish_of_a_comment_says_so(shop: Shop) -> None:
    shop.edit(edited(S, "scenario: welcome", "# ようこそ\nscenario: welcome"))
    text = shop.run("publish")
    assert "only comments" in text
    assert len(rows(shop)) == 2
