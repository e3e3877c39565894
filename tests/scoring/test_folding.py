"""Adding up old lines of the ledger: every score, limit and reason stays what it was."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from leadloop.conditions import Facts
from leadloop.inbox.applier import apply_once
from leadloop.language import plan as p
from leadloop.sales.reasons import top_reasons
from leadloop.scoring.folding import FOLDED, fold_ledger
from leadloop.scoring.ledger import RESET, LeadLedger, score_at
from leadloop.scoring.rules import score_attributes
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Lead, ScoreEntry
from tests.factories import NOW, ManualClock, make_environment, make_lead, make_publication, make_score_entry
from tests.inbox.driver import report

OLD = NOW - timedelta(days=100)
BEFORE = NOW - timedelta(days=50)
CLICK = p.EventMatch(event="email_clicked")


def scoring(half_life: int | None = 30, **parts: Any) -> p.Scoring:
    span = p.Span(amount=half_life, unit="days") if half_life else None
    return p.Scoring(models={"engagement": p.ScoreModel(half_life=span, **parts)})


@pytest.fixture
def lead(env: Environment) -> Lead:
    with env.database.write() as session:
        return make_lead(session, env)


def fold(env: Environment, lead: Lead, rules: p.Scoring, before: datetime = BEFORE) -> int:
    with env.database.write() as session:
        return fold_ledger(session, lead.id, rules, before)


def lines(env: Environment) -> list[ScoreEntry]:
    with env.database.read() as session:
        return list(session.exec(select(ScoreEntry).order_by(col(ScoreEntry.id))).all())


def write(session: Session, lead: Lead, days: float, **values: Any) -> None:
    """Add a line of so many days ago."""
    make_score_entry(session, lead, at=NOW - timedelta(days=days), **values)


@pytest.mark.parametrize("half_life", [1, 30, None])
@pytest.mark.parametrize("seed", range(5))
def test_fold_keeps_the_score_of_every_later_instant(
    env: Environment, lead: Lead, half_life: int | None, seed: int
) -> None:
    chance, rules = random.Random(seed), scoring(half_life)
    model = rules.models["engagement"]
    with env.database.write() as session:
        for days in sorted((chance.uniform(0, 90) for _ in range(60)), reverse=True):
            rule = chance.choice(["a", "b", "c", RESET if days > 60 and chance.random() < 0.3 else "a"])
            write(session, lead, days, rule_id=rule, points=0 if rule == RESET else chance.randint(-9, 20))
    instants = [BEFORE + timedelta(days=days) for days in (0, 1, 7.3, 50, 400)]

    def scores() -> list[float]:
        with env.database.read() as session:
            return [score_at(session, lead.id, "engagement", model, at) for at in instants]

    before, number = scores(), len(lines(env))
    gone = fold(env, lead, rules)
    assert 10 < gone == number - len(lines(env))
    assert scores() == pytest.approx(before, rel=1e-9, abs=1e-12)
    assert fold(env, lead, rules) == 0


def test_fold_leaves_one_line_per_rule_which_says_for_how_many_it_stands(
    env: Environment, lead: Lead
) -> None:
    with env.database.write() as session:
        for days in (90, 80, 70):
            write(session, lead, days, rule_id="a", points=8, event_id="e", message_id="")
        write(session, lead, 60, rule_id="b", points=5)
        write(session, lead, 40, rule_id="a", points=1)
    assert fold(env, lead, scoring(10), NOW - timedelta(days=75)) == 1
    assert fold(env, lead, scoring(10)) == 1
    folded, single, young = lines(env)
    assert (folded.rule_id, folded.points, folded.entries, folded.reason) == ("a", 24, 3, FOLDED)
    assert folded.equivalent == pytest.approx(8 + 4 + 2)
    assert (folded.at, folded.event_id) == (NOW - timedelta(days=70), None)
    assert (single.points, single.entries, single.equivalent) == (5, 1, None)
    assert young.points == 1


def test_fold_forgets_what_a_reset_has_voided(env: Environment, lead: Lead) -> None:
    with env.database.write() as session:
        write(session, lead, 90, rule_id="a", points=8)
        write(session, lead, 80, rule_id=RESET, points=0)
    assert fold(env, lead, scoring()) == 2
    assert lines(env) == []


def test_fold_stops_at_the_first_young_line(env: Environment, lead: Lead) -> None:
    with env.database.write() as session:
        write(session, lead, 10, rule_id="a", points=8)
        write(session, lead, 90, rule_id="a", points=8)  # reported late, after a reset maybe
    assert fold(env, lead, scoring()) == 0


def test_fold_leaves_models_alone_that_are_not_published(env: Environment, lead: Lead) -> None:
    with env.database.write() as session:
        for days in (90, 80):
            write(session, lead, days, model="gone", rule_id="a")
    assert fold(env, lead, scoring()) == 0


def test_fold_keeps_what_an_attribute_has_given(env: Environment, lead: Lead) -> None:
    attribute = p.ScoreAttribute(
        id="large", when=p.Expression(source="lead.employees >= 100", variables={"lead.employees": "int"}),
        points=20,
    )  # fmt: skip
    rules = scoring(attributes=(attribute,))

    def look(employees: int, at: datetime) -> int:
        facts: Facts = {"lead.employees": employees}
        with env.database.write() as session:
            book = LeadLedger(session, lead.id)
            score_attributes(book, rules, facts, at, None)
        return sum(row.points for row in lines(env))

    for number, employees in enumerate((500, 5, 500)):
        look(employees, OLD + timedelta(days=number))
    assert len(lines(env)) == 3
    assert fold(env, lead, rules) == 2
    assert look(500, NOW) == 20
    assert look(5, NOW) == 0


def test_fold_keeps_reasons(env: Environment, lead: Lead) -> None:
    rules = scoring(300)
    with env.database.write() as session:
        for days in (90, 80, 70, 60, 10):
            write(session, lead, days, rule_id="a", points=9)
            write(session, lead, days, rule_id="b", points=4)

    def reasons() -> list[dict[str, Any]]:
        with env.database.read() as session:
            return top_reasons(session, lead.id, NOW, rules.models)

    before = reasons()
    assert fold(env, lead, rules) == 6
    assert reasons() == before
    assert [(one["rule"], one["times"]) for one in before] == [("a", 5), ("b", 5)]


@pytest.mark.parametrize("fold_first", [False, True])
def test_limit_per_message_holds_for_old_messages(
    tmp_path: Any, clock: ManualClock, fold_first: bool
) -> None:
    twice = p.AtMost(count=2, per="message")
    rules = scoring(None, rules=(p.ScoreRule(id="click", match=CLICK, points=5, at_most=twice),))
    env = make_environment(
        tmp_path, make_publication(scoring=rules, lifecycle=p.Lifecycle(), plans={}), clock
    )
    with env.database.write() as session:
        lead = make_lead(session, env)

    def click(message: str | None) -> int:
        report(env, "email_clicked", lead_id=lead.id, message_id=message)
        apply_once(env)
        return sum(row.points for row in lines(env))

    assert [click(name) for name in ("m1", "m2", None, "m1", "m1", None)] == [5, 10, 15, 20, 20, 25]
    clock.advance(days=100)
    if fold_first:
        fold(env, lead, rules, clock.now())
    assert [click(name) for name in ("m1", "m2", None, "m3")] == [25, 30, 30, 35]
    env.database.close()


def test_late_event_gets_no_points_from_a_limit_that_may_be_used_up(
    tmp_path: Any, clock: ManualClock
) -> None:
    once = p.AtMost(count=1, per="day")
    rules = scoring(None, rules=(p.ScoreRule(id="click", match=CLICK, points=5, at_most=once),))
    env = make_environment(
        tmp_path, make_publication(scoring=rules, lifecycle=p.Lifecycle(), plans={}), clock
    )
    with env.database.write() as session:
        lead = make_lead(session, env)
        for days in (90, 80):
            write(session, lead, days, rule_id="click", points=5)
    fold(env, lead, rules)
    for days in (85, 3):
        report(env, "email_clicked", lead_id=lead.id, occurred_at=clock.now() - timedelta(days=days))
        apply_once(env)
    assert sum(row.points for row in lines(env)) == 15
    env.database.close()
