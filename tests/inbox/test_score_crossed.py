"""`score_crossed`: scores that pass a number which a published scenario names, up and down."""

from __future__ import annotations

from pathlib import Path

from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from tests.factories import ManualClock
from tests.inbox.driver import events, journeys, report, settle
from tests.inbox.entry_worlds import add_lead, condition, publication, republish, scenario, world


def _crossed(threshold: int, direction: str) -> p.EventMatch:
    values = {"model": "engagement", "threshold": threshold, "direction": direction}
    return p.EventMatch(
        event="score_crossed",
        properties=tuple(p.PropertyMatch(name=name, values=(value,)) for name, value in values.items()),
    )


def _click(env: Environment, lead: str, times: int = 1) -> None:
    for _ in range(times):
        report(env, "email_clicked", lead_id=lead, source="tracking")
    settle(env)


def _crossings(env: Environment) -> list[tuple[int, str]]:
    found = sorted(events(env, "score_crossed"), key=lambda event: event.lead_seq or 0)
    return [(event.properties["threshold"], event.properties["direction"]) for event in found]


def test_score_crossed_up_enters_once_for_each_crossing(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(_crossed(10, "up"), wait=None))
    lead = add_lead(env)
    _click(env, lead)
    assert journeys(env) == []
    _click(env, lead, times=3)
    assert len(journeys(env)) == 1
    assert _crossings(env) == [(10, "up")]
    env.database.close()


def test_score_crossed_down_by_decay_alone(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(_crossed(10, "down"), wait=None))
    lead = add_lead(env)
    _click(env, lead, times=4)
    clock.advance(days=33)  # 20 points are 9.3
    settle(env)
    assert _crossings(env) == [(10, "up"), (10, "down")]
    assert len(journeys(env)) == 1
    env.database.close()


def test_score_that_is_compared_in_an_open_journey_is_looked_at_when_decay_passes(
    tmp_path: Path, clock: ManualClock
) -> None:
    """The number stands only in the plan that the journey began with."""
    cold = p.WhenMatch(when=condition("lead.score.engagement < 10", lead__score__engagement="int"))
    form = p.EventMatch(event="form_submitted")
    env = world(tmp_path, clock, scenario(form, wait=300, exit_when=(cold,)))
    lead = add_lead(env)
    _click(env, lead, times=4)
    report(env, "form_submitted", lead_id=lead, properties={"form": "whitepaper"})
    settle(env)
    clock.advance(hours=1)
    republish(env, publication(scenario(form, wait=300)))
    _click(env, lead)
    assert [row.outcome for row in journeys(env)] == [None]
    clock.advance(days=50)
    settle(env)
    assert [row.outcome for row in journeys(env)] == ["exited"]
    env.database.close()


def test_score_crossed_is_no_news_for_scores_beyond_a_number_that_is_new(
    tmp_path: Path, clock: ManualClock
) -> None:
    env = world(tmp_path, clock)
    lead = add_lead(env)
    _click(env, lead, times=4)
    clock.advance(days=25)  # 20 points are 11.2
    republish(env, publication(scenario(_crossed(12, "down"), wait=None)))
    settle(env)
    _click(env, lead)
    assert _crossings(env) == [(12, "up")]
    env.database.close()
