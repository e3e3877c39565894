"""How scenarios stand: people by step, due soon, held and why, paused, sending stopped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from leadloop.inbox.operations.links import TemporalPages
from leadloop.inbox.operations.scenarios import pause_scenario
from leadloop.inbox.operations.sending import stop_sending
from leadloop.inbox.operations.standing import standing
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from tests.factories import NOW
from tests.inbox.driver import journeys
from tests.inbox.operations.plays import BY, advance, go
from tests.inbox.played import enter, environment, plan_of, rest

UNKNOWN = p.WaitStep(id="w", wait=p.WaitSpec(until=p.Until(fact="run.entry.day")))
UI = TemporalPages("http://127.0.0.1:8233/", "acme")


def stand(env: Environment) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    with env.database.read() as session:
        found = standing(session, env, UI)
    return found["sending"], {one["scenario"]: one for one in found["scenarios"]}


def test_people_are_counted_by_step_with_what_is_due_within_the_hour(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(rest("later", days=2, line=4), rest("first", days=9, line=9)))
    enter(env, opt_in=True)
    go(env)
    advance(env, days=1, hours=23, minutes=30)
    for _ in range(2):
        enter(env, opt_in=True)
    go(env)
    _, scenarios = stand(env)
    assert scenarios["play"]["steps"] == [{"step": "later", "title": "", "running": 3}]
    assert scenarios["play"]["due_next_hour"] == 1
    assert scenarios["play"]["oldest_due_at"] == (NOW + timedelta(days=2)).isoformat()
    advance(env, minutes=30)
    steps = stand(env)[1]["play"]["steps"]
    assert [(one["step"], one["running"]) for one in steps] == [("later", 2), ("first", 1)]


def test_held_journeys_are_told_by_reason_with_one_of_each(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(UNKNOWN), plan_of(rest(), scenario="calm"))
    for _ in range(2):
        enter(env, opt_in=True)
    go(env)
    _, scenarios = stand(env)
    (held,) = scenarios["play"]["held"]
    assert (held["number"], held["example"]) == (2, journeys(env, "play")[0].id)
    assert "that date is not known" in held["reason"]
    assert scenarios["calm"]["held"] == []


def test_pause_and_kill_switch_are_told(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(rest()))
    pause_scenario(env, "play", BY, "freeze")
    stop_sending(env, BY)
    sending, scenarios = stand(env)
    assert scenarios["play"]["pause"] == {"clock": "freeze", "since": NOW.isoformat()}
    assert (sending["stopped"], sending["by"]) == (True, "sato")


def test_links_lead_to_the_namespace_of_the_web_ui() -> None:
    assert UI.journey("j1") == "http://127.0.0.1:8233/namespaces/acme/workflows/journey-j1"
    link = UI.scenario("play")
    assert link is not None
    assert link.startswith("http://127.0.0.1:8233/namespaces/acme/workflows?query=")
    assert "%22play%22" in link
    assert TemporalPages().journey("j1") is None
