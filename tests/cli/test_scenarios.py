"""`leadloop scenarios SCENARIO`: its versions."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from tests.cli.shop import Shop, open_shop
from tests.language.workspaces import edited

S = "scenarios/welcome.yaml"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(getpass, "getuser", lambda: "sato")
    found = open_shop(tmp_path, monkeypatch)
    found.run("publish")
    found.people(3, "read")
    found.edit(edited(S, "timeout: 5 days", "timeout: 6 days"))
    found.run("publish")
    found.people(1, "read")
    return found


def test_scenarios_lists_versions_newest_first(shop: Shop) -> None:
    new, old = shop.document("scenarios", "welcome")["versions"]
    assert (new["live"], new["open_journeys"], new["published_by"]) == (True, 1, "sato")
    assert (old["live"], old["open_journeys"]) == (False, 3)
    assert new["published_at"] > old["published_at"]
    lines = shop.run("scenarios", "welcome").splitlines()
    assert lines[0].split() == ["scenario", "version", "published", "by", "publication", "open", "journeys"]
    assert new["digest"][:12] in lines[1]
    assert lines[1].endswith("live")


def test_scenarios_of_an_unknown_scenario(shop: Shop) -> None:
    result = shop.call("scenarios", "welcom")
    assert result.exit_code == 1
    assert "did you mean `welcome`?" in result.stderr


def test_scenarios_lists_what_is_live(shop: Shop) -> None:
    found = shop.document("scenarios")
    (live, old) = found["versions"]
    assert found["scenarios"][0]["version"] == live["digest"][:12]
    assert (live["live"], old["open_journeys"]) == (True, 3)
    text = shop.run("scenarios")
    assert live["digest"][:12] in text
    assert old["digest"][:12] in text


def test_scenarios_leaves_out_old_versions_without_journeys(shop: Shop) -> None:
    shop.edit()
    shop.edit(edited(S, "timeout: 5 days", "timeout: 7 days"))
    shop.run("publish")
    shop.edit(edited(S, "timeout: 5 days", "timeout: 8 days"))
    shop.run("publish")
    assert [one["open_journeys"] for one in shop.document("scenarios")["versions"]] == [0, 1, 3]
    assert len(shop.document("scenarios", "welcome")["versions"]) == 4
