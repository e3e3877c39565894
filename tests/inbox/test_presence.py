"""Workers say which plans they can run, and publishing listens to those that live."""

from __future__ import annotations

import pytest

from leadloop.inbox.monitoring.presence import ALIVE, Presence, live_workers
from leadloop.inbox.publishing import PublishRefusedError, publish_workspace
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from tests.factories import ManualClock, make_publication
from tests.inbox.played import plan_of, rest


def _newer() -> p.Publication:
    plan = plan_of(rest(days=1)).model_copy(update={"format": p.FORMAT + 1})
    return make_publication(plans={"play": plan})


def test_publish_refuses_a_format_that_a_live_worker_cannot_run(env: Environment) -> None:
    before = env.publications.current().id
    Presence(env, "0.1.0").beat()
    Presence(env, "0.2.0", p.FORMAT + 1).beat()
    with pytest.raises(PublishRefusedError) as refused:
        publish_workspace(env, _newer(), "tests", env.clock.now())
    assert f"play has plan format {p.FORMAT + 1}" in str(refused.value)
    assert "of build 0.1.0 runs plans up to format" in str(refused.value)
    assert "0.2.0" not in str(refused.value)
    assert env.publications.current().id == before


def test_publish_asks_only_workers_that_live(env: Environment, clock: ManualClock) -> None:
    dead, stopped = Presence(env, "dead"), Presence(env, "stopped")
    dead.beat()
    clock.advance(seconds=ALIVE.total_seconds())
    stopped.beat()
    stopped.leave()
    Presence(env, "new", p.FORMAT + 1).beat()
    assert publish_workspace(env, _newer(), "tests", env.clock.now()).is_new


def test_publish_of_a_known_format_is_taken_with_old_workers(env: Environment) -> None:
    Presence(env, "0.1.0").beat()
    assert publish_workspace(
        env, make_publication(plans={"play": plan_of(rest(days=1))}), "tests", env.clock.now()
    ).is_new


def test_worker_that_goes_on_beating_stays_one(env: Environment, clock: ManualClock) -> None:
    presence = Presence(env, "0.1.0")
    for _ in range(10):
        presence.beat()
        clock.advance(seconds=10)
    with env.database.read() as session:
        assert [row.build for row in live_workers(session, env)] == ["0.1.0"]
