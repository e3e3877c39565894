"""Two worlds live through the same years; one is pruned all the time. Nobody can tell which."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel, col, func, select

from leadloop.inbox.pruning.pruner import prune
from leadloop.inbox.pruning.retention import Retention
from leadloop.language import plan as p
from leadloop.storage.tables import Event, Lead, LeadScore, Message, ScoreEntry, Turn
from tests.factories import ManualClock, make_environment, make_lead, make_publication
from tests.inbox.driver import journeys, mails, report, settle

SHORT = Retention(events=20, scores=20, turns=20, bodies=20, event_keys=20)
VISIT = p.EventMatch(event="page_viewed")
CLICK = p.EventMatch(event="email_clicked")
PATHS = ("/", "/pricing", "/blog")


def days(amount: int) -> p.Span:
    return p.Span(amount=amount, unit="days")


def did(**question: Any) -> p.Segment:
    """Return the segment of those who did it."""
    name = "did.a1"
    asked = p.Expression(source=name, variables={name: "bool"}, did={name: p.Did(**question)})
    return p.Segment(when=asked)


SEGMENTS = {
    "busy": did(match=VISIT, within=days(60), at_least=3),
    "curious": did(match=VISIT, within=days(40), at_least=2, distinct="path"),
    "lost_before": did(match=p.EventMatch(event="deal_lost"), at_least=2),
}


def scoring() -> p.Scoring:
    rules = (
        p.ScoreRule(id="click", match=CLICK, points=7, at_most=p.AtMost(count=1, per="message")),
        p.ScoreRule(id="visit", match=VISIT, points=3, at_most=p.AtMost(count=2, per="day")),
        p.ScoreRule(id="weekly", match=VISIT, points=2, at_most=p.AtMost(count=3, per=days(60))),
        p.ScoreRule(id="third", match=VISIT, points=11, every=p.Every(times=3, within=days(45))),
        p.ScoreRule(id="regret", match=p.EventMatch(event="email_opened"), points=-4),
    )
    is_large = p.Expression(source="lead.employees >= 100", variables={"lead.employees": "int"})
    attributes = (p.ScoreAttribute(id="large", when=is_large, points=20),)
    return p.Scoring(
        models={
            "engagement": p.ScoreModel(rules=rules, attributes=attributes, half_life=days(30), cap=100),
            "all_time": p.ScoreModel(rules=rules, attributes=attributes),
        },
        bands={"engagement": p.Bands(levels=(("hot", 30), ("warm", 15), ("cold", 0)), hysteresis=5)},
    )


class World:
    """One lead, and mails that it may click in."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        publication = make_publication(scoring=scoring(), segments=SEGMENTS)
        self.env = make_environment(folder, publication, clock)
        with self.env.database.write() as session:
            self.lead_id = make_lead(session, self.env, opt_in=True).id

    def happen(self, event_type: str, *, mail: int | None = None, **values: Any) -> None:
        sent = mails(self.env)
        message_id = sent[mail % len(sent)].id if mail is not None and sent else None
        result = report(self.env, event_type, lead_id=self.lead_id, message_id=message_id, **values)
        assert result.status == "accepted", result
        settle(self.env)

    def prune(self) -> int:
        return sum(step.rows for step in prune(self.env, SHORT))

    def seen(self) -> dict[str, object]:
        """Return all that conditions, people and the mail server can see."""
        with self.env.database.read() as session:
            lead = session.get_one(Lead, self.lead_id)
            scores = session.exec(select(LeadScore).order_by(col(LeadScore.model))).all()
            return {
                "stage": lead.stage,
                "segments": lead.segments,
                "seq": lead.last_seq,
                "scores": [(row.model, row.points, row.band) for row in scores],
                "journeys": [
                    (one.scenario, one.status, one.outcome, one.turn_no, one.state.get("step"), one.due_at)
                    for one in journeys(self.env)
                ],
                "mails": [(one.template, one.status, one.sent_at) for one in mails(self.env)],
            }

    def count(self, table: type[SQLModel]) -> int:
        with self.env.database.read() as session:
            return session.exec(select(func.count()).select_from(table)).one()


def _happen(worlds: list[World], chance: random.Random) -> None:
    kind = chance.choice(["visit", "visit", "visit", "click", "open", "size", "form", "contact", "lost"])
    path, mail, size = chance.choice(PATHS), chance.randrange(50), chance.choice([5, 500])
    for world in worlds:
        match kind:
            case "visit":
                world.happen("page_viewed", properties={"path": path}, source="tracking")
            case "click":
                world.happen("email_clicked", mail=mail, source="tracking")
            case "open":
                world.happen("email_opened", mail=mail, source="tracking")
            case "size":
                world.happen("form_submitted", properties={"form": "whitepaper"}, source="form",
                             trust="verified", identity={"employees": size})  # fmt: skip
            case "form" | "contact":
                form = {"form": "whitepaper" if kind == "form" else "contact"}
                world.happen("form_submitted", properties=form, source="form", trust="verified")
            case "lost":
                deal = {"deal": f"d{mail}", "reason": "timing"}
                world.happen("deal_lost", properties=deal, source="sales", trust="verified")


@pytest.mark.parametrize("seed", [1])
def test_pruned_world_gives_the_same_answers(tmp_path: Path, seed: int) -> None:
    clock = ManualClock()
    worlds = [World(tmp_path / name, clock) for name in ("pruned", "whole")]
    pruned, whole = worlds
    chance = random.Random(seed)
    gone = 0
    for _ in range(60):
        clock.advance(days=chance.choice([0, 0, 1, 3, 10, 25]), minutes=7)
        for world in worlds:
            settle(world.env)
        _happen(worlds, chance)
        gone += pruned.prune()
        assert pruned.seen() == whole.seen()
    assert gone > 30
    for table in (Event, ScoreEntry, Turn):
        assert pruned.count(table) < whole.count(table) * 0.8, table
    with pruned.env.database.read() as session:
        assert session.exec(select(Message).where(col(Message.text_body).is_not(None))).all() == []
    for world in worlds:
        world.env.database.close()
