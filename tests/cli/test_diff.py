"""`leadloop diff`: two versions, by part, by step, by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shop import Shop, open_shop
from tests.language.workspaces import SCENARIO, edited

S, THANKS = "scenarios/welcome.yaml", "templates/mail/thanks.ja.md"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    found = open_shop(tmp_path, monkeypatch)
    found.run("publish")
    return found


def test_diff_of_equal_versions(shop: Shop) -> None:
    assert shop.run("diff") == "no difference\n"
    assert shop.run("diff", "live", "live") == "no difference\n"


def test_diff_shows_steps_and_their_yaml(shop: Shop) -> None:
    shop.edit(edited(S, "    timeout: 5 days\n", "    timeout: 6 days\n  - id: rest\n    wait: 2 days\n"))
    text = shop.run("diff")
    assert text.startswith("changed  plan welcome\n  ~ read (await)\n  + rest (wait)\n")
    assert "--- scenarios/welcome.yaml (live)\n+++ scenarios/welcome.yaml (here)\n" in text
    assert "@@ read\n" in text
    assert "-    timeout: 5 days\n+    timeout: 6 days\n+  - id: rest\n+    wait: 2 days\n" in text


def test_diff_as_json(shop: Shop) -> None:
    shop.edit(edited(S, "timeout: 5 days", "timeout: 6 days"))
    found = shop.document("diff", "live", ".")
    assert (found["from"], found["to"]) == ("live", "here")
    (one,) = found["differences"]
    assert (one["part"], one["change"]) == ("plan:welcome", "changed")
    assert one["scenario"]["steps"] == [{"step": "read", "change": "changed", "kind": "await", "title": ""}]
    assert "+    timeout: 6 days" in one["text"]


def test_diff_of_templates_and_shared_files(shop: Shop) -> None:
    shop.edit(
        edited(THANKS, "本文です。", "本文を改めました。"),
        edited("scenarios/scoring.yaml", "points: 3,", "points: 4,"),
    )
    text = shop.run("diff")
    assert text.splitlines()[:2] == ["changed  scoring", "changed  template mail/thanks.ja.md"]
    assert "-本文です。\n+本文を改めました。" in text
    assert "+++ scenarios/scoring.yaml (here)" in text


def test_diff_of_added_and_removed_scenarios(shop: Shop) -> None:
    shop.edit({S: SCENARIO.replace("scenario: welcome", "scenario: renewal")})
    text = shop.run("diff")
    assert text.startswith("added    plan renewal\nremoved  plan welcome\n")
    assert "+scenario: renewal" in text
    assert "-scenario: welcome" in text


def test_diff_of_two_versions_by_their_digests(shop: Shop) -> None:
    shop.edit(edited(S, "timeout: 5 days", "timeout: 6 days"), edited(THANKS, "本文です。", "新しい本文。"))
    shop.run("publish")
    new, old = shop.document("scenarios", "welcome")["versions"]
    by_plan = shop.document("diff", old["digest"][:12], new["digest"][:12])["differences"]
    assert [one["part"] for one in by_plan] == ["plan:welcome"]  # a version of one scenario
    by_publication = shop.document("diff", old["publication_id"], new["publication_digest"][:8])[
        "differences"
    ]
    assert [one["part"] for one in by_publication] == ["plan:welcome", "template:mail/thanks.ja.md"]
    assert shop.document("diff", old["digest"][:12], "live")["differences"] == [
        {**one, "text": one["text"].replace(f"({new['digest'][:12]})", "(live)")} for one in by_plan
    ]


def test_diff_refuses_versions_of_different_scenarios(shop: Shop) -> None:
    twin = SCENARIO.replace("scenario: welcome", "scenario: twin").replace(
        "form: whitepaper", "form: contact"
    )
    shop.edit({"scenarios/twin.yaml": twin})
    shop.run("publish")
    (one,) = shop.document("scenarios", "welcome")["versions"]
    (other,) = shop.document("scenarios", "twin")["versions"]
    result = shop.call("diff", one["digest"], other["digest"])
    assert result.exit_code == 1
    assert "is of welcome" in result.stderr


@pytest.mark.parametrize("text", ["nothing", "zz"])
def test_diff_of_an_unknown_version(shop: Shop, text: str) -> None:
    result = shop.call("diff", text, ".")
    assert result.exit_code == 1
    assert text in result.stderr
    assert "Traceback" not in result.output


def test_diff_refuses_files_with_errors(shop: Shop) -> None:
    shop.edit(edited(S, "go: tips", "go: tpis"))
    assert "SCN402" in shop.call("diff").stderr
