"""`leadloop plan`: what publishing would change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leadloop.cli.plan import NEEDS_ATTENTION
from tests.cli.shop import Shop, open_shop
from tests.language.workspaces import SCENARIO, WORKSPACE, Files, edited

S, W = "scenarios/welcome.yaml", "scenarios/workspace.yaml"
CASE = "  - id: case\n    send: {template: mail/case}\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    found = open_shop(tmp_path, monkeypatch)
    found.run("publish")
    return found


def scenario(*pairs: tuple[str, str]) -> Files:
    text = SCENARIO
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return {S: text}


def tomorrow(hours: int = 1) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def test_plan_of_what_is_live(shop: Shop) -> None:
    assert "nothing has changed" in shop.run("plan")
    found = shop.document("plan")
    assert (found["scenarios"], found["people"], found["refused"]) == ([], [], False)


def test_plan_before_the_first_publication(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = open_shop(tmp_path, monkeypatch).document("plan")
    assert found["live"] is None
    assert [(one["scenario"], one["change"]) for one in found["scenarios"]] == [("welcome", "added")]


def test_plan_names_steps_and_people_on_them(shop: Shop) -> None:
    shop.people(3, "read", due_at=tomorrow())
    shop.people(2, "case")
    shop.edit(scenario(("timeout: 5 days", "timeout: 6 days"), (CASE, "  - id: rest\n    wait: 2 days\n")))
    found = shop.document("plan")
    assert [(step["change"], step["step"]) for step in found["scenarios"][0]["steps"]] == [
        ("changed", "read"),
        ("added", "rest"),
        ("removed", "case"),
    ]
    assert [(one["step"], one["people"], one["step_change"], one["destiny"]) for one in found["people"]] == [
        ("case", 2, "removed", "stay"),
        ("read", 3, "changed", "stay"),
    ]
    text = shop.run("plan")
    assert "  ~ read (await)\n  + rest (wait)\n  - case (send)\n" in text
    assert "3 people on `read` (changed): they stay on their version to its end" in text


def test_plan_says_where_people_move(shop: Shop) -> None:
    shop.people(2, "case")
    header = "goal: {stage: mql}\non_edit: {default: move, steps: {case: tips}}"
    shop.edit(scenario((CASE, ""), ("goal: {stage: mql}", header)))
    found = shop.document("plan")
    assert [(one["destiny"], one["to"]) for one in found["people"]] == [("move", "tips")]
    assert "they move to `tips` of the new version" in shop.run("plan")


def test_plan_exits_2_where_publish_would_refuse(shop: Shop) -> None:
    shop.people(2, "case")
    shop.edit(scenario((CASE, ""), ("goal: {stage: mql}", "goal: {stage: mql}\non_edit: {default: move}")))
    assert shop.document("plan", code=NEEDS_ATTENTION)["refused"] is True
    assert "publish refuses: 2 people on `case` of welcome" in shop.run("plan", code=NEEDS_ATTENTION)


def test_plan_estimates_the_mails(shop: Shop) -> None:
    shop.people(4, "read", due_at=tomorrow())
    found = shop.document("plan")["mails"]
    assert (found["next_24_hours"], found["next_7_days"]) == (8, 8)  # `case` and the first tip, at once
    assert "estimate" in found["how"]
    assert "about 8 in 24 hours, 8 in 7 days" in shop.run("plan")


def test_plan_exits_2_above_confirm_over(shop: Shop) -> None:
    shop.people(4, "read", due_at=tomorrow())
    limits = {W: WORKSPACE.replace("limits: {", "limits: {confirm_over: 7, ")}
    shop.edit(limits, edited(S, "timeout: 5 days", "timeout: 6 days"))
    assert shop.document("plan", code=NEEDS_ATTENTION)["needs_confirmation"] is True
    assert "more than 7 (limits.confirm_over)" in shop.run("plan", code=NEEDS_ATTENTION)


def test_plan_finds_scenarios_that_begin_together(shop: Shop) -> None:
    twin = SCENARIO.replace("scenario: welcome", "scenario: twin")
    shop.edit({"scenarios/twin.yaml": twin})
    (conflict,) = shop.document("plan")["conflicts"]
    assert (conflict["kind"], conflict["scenario"], conflict["other"]) == ("entry", "twin", "welcome")
    assert "conflict: twin and welcome both begin with form_submitted form=whitepaper" in shop.run("plan")


def test_plan_refuses_errors(shop: Shop) -> None:
    shop.edit(edited(S, "go: tips", "go: tpis"))
    result = shop.call("plan")
    assert result.exit_code == 1
    assert "SCN402" in result.stderr


def test_plan_publishes_nothing(shop: Shop) -> None:
    before = shop.document("scenarios", "welcome")
    shop.edit(edited(S, "timeout: 5 days", "timeout: 6 days"))
    shop.run("plan")
    assert shop.document("scenarios", "welcome") == before
