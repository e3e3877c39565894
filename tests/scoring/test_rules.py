"""Score rules on a real ledger: limits, spans, trust, attributes, resets."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from leadloop.inbox.applier import apply_once
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead, LeadScore, ScoreEntry
from tests.factories import NOW, ManualClock, make_environment, make_lead, make_publication
from tests.inbox.driver import report

VISIT = p.EventMatch(event="page_viewed")
CLICK = p.EventMatch(event="email_clicked")
PRICING = p.EventMatch(event="page_viewed", properties=(p.PropertyMatch(name="path", prefix="/pricing"),))


class World:
    """One lead and one model."""

    def __init__(self, tmp_path: Path, model: p.ScoreModel) -> None:
        self.clock = ManualClock()
        scoring = p.Scoring(models={"m": model})
        publication = make_publication(scoring=scoring, lifecycle=p.Lifecycle(), plans={})
        self.env: Environment = make_environment(tmp_path, publication, self.clock)
        with self.env.database.write() as session:
            self.lead_id = make_lead(session, self.env).id

    def happen(self, event_type: str, **values: Any) -> int:
        """Report an event now and apply it; return the score."""
        assert report(self.env, event_type, lead_id=self.lead_id, **values).status == "accepted"
        apply_once(self.env)
        return self.score()

    def score(self) -> int:
        with self.env.database.read() as session:
            row = session.get(LeadScore, (self.lead_id, "m"))
        return row.points if row else 0


def rule(match: p.EventMatch, points: int, **limits: Any) -> p.ScoreModel:
    return p.ScoreModel(rules=(p.ScoreRule(id="r", match=match, points=points, **limits),))


def visit(world: World, path: str = "/") -> int:
    return world.happen("page_viewed", properties={"path": path})


def test_at_most_per_day_counts_days_of_the_leads_zone(tmp_path: Path) -> None:
    world = World(tmp_path, rule(VISIT, 3, at_most=p.AtMost(count=1, per="day")))
    assert [visit(world), visit(world)] == [3, 3]
    world.clock.advance(hours=13, minutes=59)  # 23:59 in Tokyo
    assert visit(world) == 3
    world.clock.advance(minutes=1)  # 00:00 in Tokyo, 15:00 UTC of the same day
    assert visit(world) == 6


def test_at_most_per_span_is_a_moving_window(tmp_path: Path) -> None:
    span = p.Span(amount=7, unit="days")
    world = World(tmp_path, rule(VISIT, 5, at_most=p.AtMost(count=2, per=span)))
    assert [visit(world), visit(world), visit(world)] == [5, 10, 10]
    world.clock.advance(days=6, hours=23)
    assert visit(world) == 10
    world.clock.advance(hours=1)
    assert visit(world) == 15


def test_at_most_per_message_counts_each_message(tmp_path: Path) -> None:
    world = World(tmp_path, rule(CLICK, 5, at_most=p.AtMost(count=1, per="message")))
    clicks = [world.happen("email_clicked", message_id=message) for message in ("m1", "m1", "m2")]
    assert clicks == [5, 5, 10]


def test_every_third_within_the_span_counts(tmp_path: Path) -> None:
    every = p.Every(times=3, within=p.Span(amount=30, unit="days"))
    world = World(tmp_path, rule(PRICING, 10, every=every))
    assert [visit(world, "/pricing/pro") for _ in range(7)] == [0, 0, 10, 10, 10, 20, 20]
    assert visit(world, "/blog") == 20


def test_every_forgets_what_is_older_than_the_span(tmp_path: Path) -> None:
    every = p.Every(times=3, within=p.Span(amount=30, unit="days"))
    world = World(tmp_path, rule(PRICING, 10, every=every))
    visit(world, "/pricing")
    visit(world, "/pricing")
    world.clock.advance(days=30)
    assert visit(world, "/pricing") == 0
    assert visit(world, "/pricing") == 0
    assert visit(world, "/pricing") == 10


def test_limits_count_past_events_of_the_same_batch(tmp_path: Path) -> None:
    world = World(tmp_path, rule(VISIT, 3, at_most=p.AtMost(count=1, per="day")))
    for _ in range(3):
        report(world.env, "page_viewed", lead_id=world.lead_id, properties={"path": "/"})
    apply_once(world.env)
    assert world.score() == 3


@pytest.mark.parametrize(
    ("trust", "scores"), [("any", [1, 2, 3]), ("likely", [0, 1, 2]), ("verified", [0, 0, 1])]
)
def test_trust_decides_what_counts(tmp_path: Path, trust: Any, scores: list[int]) -> None:
    world = World(tmp_path, rule(VISIT, 1).model_copy(update={"trust": trust}))
    given = [world.happen("page_viewed", trust=one) for one in ("any", "likely", "verified")]
    assert given == scores


def test_points_count_from_when_it_happened(tmp_path: Path) -> None:
    model = rule(VISIT, 32).model_copy(update={"half_life": p.Span(amount=10, unit="days")})
    world = World(tmp_path, model)
    assert world.happen("page_viewed", occurred_at=NOW - timedelta(days=20)) == 8


def test_attribute_follows_the_field_both_ways(tmp_path: Path) -> None:
    big = p.Expression(source="lead.employees >= 100", variables={"lead.employees": "int"})
    model = p.ScoreModel(attributes=(p.ScoreAttribute(id="size", when=big, points=20),))
    world = World(tmp_path, model)
    scores = []
    for employees in (None, 250, 250, 20):
        with world.env.database.write() as session:
            lead = session.get_one(Lead, world.lead_id)
            lead.fields = {} if employees is None else {"employees": employees}
            session.add(lead)
        world.clock.advance(minutes=1)
        scores.append(visit(world))
    assert scores == [0, 20, 20, 0]


def test_ledger_has_one_entry_per_event_and_rule(tmp_path: Path) -> None:
    world = World(tmp_path, rule(VISIT, 3))
    for _ in range(2):
        report(world.env, "page_viewed", lead_id=world.lead_id, external_id="once")
        apply_once(world.env)
    with world.env.database.read() as session:
        assert len(session.exec(select(ScoreEntry)).all()) == 1
