"""Draws and winners of experiments: counted by round, decided once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from leadloop.inbox.apply import Application
from leadloop.inbox.turns.experiments import best_arm, decide_winner, round_of
from leadloop.language import plan as p
from leadloop.storage.columns import new_id
from leadloop.storage.database import lock_lead
from leadloop.storage.environment import Environment
from leadloop.storage.publications import publish
from leadloop.storage.tables import Enrolment, Event, ExperimentDraw, ExperimentWinner, Message
from tests.factories import NOW, make_lead, make_message, make_publication
from tests.inbox.driver import journeys, settle
from tests.inbox.played import enter, environment, plan_of, rest, row_of

HOURS = p.Span(amount=4, unit="hours")
CLICKED = p.Did(match=p.EventMatch(event="email_clicked"), within=HOURS)


def experiment(min_sends: int = 20, metric: p.Did = CLICKED, **values: Any) -> p.ExperimentStep:
    fields: dict[str, Any] = {
        "metric": metric,
        "variants": (
            p.Variant(name="a", share=1000, go=p.Target(exit="a")),
            p.Variant(name="b", share=1000, go=p.Target(exit="b")),
        ),
        "rest": p.Rest(after=HOURS, min_sends=min_sends, tie="a"),
    }
    return p.ExperimentStep(id="issue", **(fields | values))


def world(tmp_path: Path, step: p.ExperimentStep) -> tuple[Environment, Enrolment]:
    """Return an environment with one journey that rests, drawn for nothing yet."""
    env = environment(tmp_path, plan_of(rest(days=1), step))
    return env, enter(env)


def draw(
    env: Environment, journey: Enrolment, arm: str, number: int, clicks: int, after: timedelta | None = None
) -> None:
    """Add people who were drawn for an arm; of them so many clicked `after` their draw."""
    with env.database.write() as session:
        for index in range(number):
            lead = make_lead(session, last_seq=5)
            row = Enrolment(**{
                **journey.model_dump(exclude={"id", "lead_id", "subject_key", "cause_event_id"}),
                "lead_id": lead.id, "subject_key": lead.id, "cause_event_id": None,
            })  # fmt: skip
            session.add(row)
            session.flush()
            session.add(
                ExperimentDraw(
                    draw_key=new_id(), scenario="play", step_id="issue", round=journey.plan_digest,
                    enrolment_id=row.id, lead_id=lead.id, variant=arm, drawn_at=NOW, drawn_seq=5,
                )
            )  # fmt: skip
            if index < clicks:
                message = make_message(session, row, step_id=f"send-{arm}")
                session.add(click(lead.id, NOW + (after or timedelta(hours=1)), 6, message.id))


def click(lead_id: str, at: Any, seq: int, message_id: str | None = None) -> Event:
    return Event(
        subject_id=lead_id, lead_id=lead_id, lead_seq=seq, type="email_clicked", source="tracking",
        occurred_at=at, received_at=at, applied_at=at, message_id=message_id,
    )  # fmt: skip


def decide(env: Environment, journey: Enrolment) -> str | None:
    with env.database.write() as session:
        application = Application(session, env, lock_lead(session, journey.lead_id), env.clock.now())
        enrolment = session.get_one(Enrolment, journey.id)
        plan = env.publications.plan(enrolment.plan_digest, session)
        step = plan.steps["issue"]
        assert isinstance(step, p.ExperimentStep)
        return decide_winner(application, enrolment, plan, step)


def winners(env: Environment) -> Sequence[ExperimentWinner]:
    with env.database.read() as session:
        return session.exec(select(ExperimentWinner)).all()


@pytest.mark.parametrize(
    ("arms", "best"),
    [
        ({"a": (100, 10), "b": (100, 30)}, "b"),
        ({"a": (100, 30), "b": (100, 10)}, "a"),
        ({"a": (100, 10), "b": (100, 15)}, None),
        ({"a": (1000, 100), "b": (1000, 130)}, "b"),
        ({"a": (100, 0), "b": (100, 0)}, None),
        ({"a": (100, 100), "b": (100, 100)}, None),
        ({"a": (0, 0), "b": (100, 50)}, None),
        ({"a": (100, 5), "b": (100, 30), "c": (100, 31)}, None),
        ({"a": (100, 5), "b": (100, 30), "c": (100, 60)}, "c"),
        ({}, None),
    ],
)
def test_best_arm_wins_only_where_it_is_no_chance(arms: dict[str, tuple[int, int]], best: str | None) -> None:
    assert best_arm(arms) == best


def test_significance_begins_at_the_textbook_limit() -> None:
    # z = 1.96 at 95 %: of 200 draws each, 20 against 33 successes is z = 1.917, against 34 z = 2.049.
    assert best_arm({"a": (200, 20), "b": (200, 33)}) is None
    assert best_arm({"a": (200, 20), "b": (200, 34)}) == "b"


def test_winner_is_the_better_arm_and_stays_it(tmp_path: Path) -> None:
    env, journey = world(tmp_path, experiment())
    draw(env, journey, "a", 50, 5)
    draw(env, journey, "b", 50, 25)
    assert decide(env, journey) == "b"
    draw(env, journey, "a", 50, 50)
    assert decide(env, journey) == "b"
    (row,) = winners(env)
    assert row.figures == {"arms": {"a": [50, 5], "b": [50, 25]}, "why": "rate"}


def test_difference_by_chance_is_a_tie(tmp_path: Path) -> None:
    env, journey = world(tmp_path, experiment())
    draw(env, journey, "a", 50, 5)
    draw(env, journey, "b", 50, 7)
    assert decide(env, journey) == "a"
    assert winners(env)[0].figures["why"] == "not_significant"


def test_too_few_draws_decide_nothing_while_more_may_come(tmp_path: Path) -> None:
    env, journey = world(tmp_path, experiment(min_sends=20))
    draw(env, journey, "a", 5, 0)
    draw(env, journey, "b", 5, 5)
    assert decide(env, journey) is None
    assert winners(env) == []
    draw(env, journey, "a", 10, 0)
    draw(env, journey, "b", 10, 10)
    assert decide(env, journey) == "b"


def test_success_counts_within_its_time_only(tmp_path: Path) -> None:
    env, journey = world(tmp_path, experiment())
    draw(env, journey, "a", 50, 5)
    draw(env, journey, "b", 50, 25, after=timedelta(hours=4, seconds=1))
    decide(env, journey)
    assert winners(env)[0].figures["arms"] == {"a": [50, 5], "b": [50, 0]}


def test_success_before_the_draw_does_not_count(tmp_path: Path) -> None:
    env, journey = world(tmp_path, experiment())
    draw(env, journey, "a", 30, 0)
    with env.database.write() as session:
        for row in session.exec(select(ExperimentDraw)).all():
            session.add(click(row.lead_id, NOW, 5))
    decide(env, journey)
    assert winners(env)[0].figures["arms"]["a"] == [30, 0]


def test_success_of_named_sends_counts_those_only(tmp_path: Path) -> None:
    metric = p.Did(match=p.EventMatch(event="email_clicked", of=("send-b",)), within=HOURS)
    env, journey = world(tmp_path, experiment(metric=metric))
    draw(env, journey, "a", 30, 30)
    draw(env, journey, "b", 30, 12)
    decide(env, journey)
    assert winners(env)[0].figures["arms"] == {"a": [30, 0], "b": [30, 12]}


def test_success_may_need_several_events(tmp_path: Path) -> None:
    metric = p.Did(match=p.EventMatch(event="email_clicked"), within=HOURS, at_least=2)
    env, journey = world(tmp_path, experiment(metric=metric))
    draw(env, journey, "a", 30, 30)
    with env.database.write() as session:
        for row in session.exec(select(ExperimentDraw).limit(4)).all():
            session.add(click(row.lead_id, NOW + timedelta(hours=2), 7))
    decide(env, journey)
    assert winners(env)[0].figures["arms"]["a"] == [30, 4]


def test_round_of_a_schedule_is_its_day(tmp_path: Path) -> None:
    schedule = p.ScheduleMatch(schedule=p.Schedule(every="month", at="10:00", weekday=1, nth=2))
    plan = plan_of(experiment(), entry=(p.Entry(match=schedule),))
    env = environment(tmp_path, plan)
    with env.database.write() as session:
        lead = make_lead(session)
        rounds = set()
        for day in ("2026-11-10", "2026-12-08"):
            event = Event(
                subject_id=lead.id, type="entry_due", source="engine", occurred_at=NOW, received_at=NOW,
                properties={"scenario": "play", "entry": 0, "day": day},
            )  # fmt: skip
            session.add(event)
            journey = Enrolment(
                scenario="play", plan_digest="d" * 64, publication_id="", lead_id=lead.id,
                cause_event_id=event.id, entered_at=NOW, moved_at=NOW,
            )  # fmt: skip
            rounds.add(round_of(session, journey, plan))
    assert rounds == {"d" * 16 + ":2026-11-10", "d" * 16 + ":2026-12-08"}


def test_who_rests_takes_the_winner_of_the_others(tmp_path: Path) -> None:
    env = environment(tmp_path, plan_of(experiment(min_sends=4)))
    seen: dict[str, str] = {}
    while len(seen) < 120:
        journey = enter(env)
        settle(env)
        seen[journey.id] = row_of(env, journey.id).outcome or "rest"
    with env.database.write() as session:
        for row in session.exec(select(ExperimentDraw).where(ExperimentDraw.variant == "b")).all():
            session.add(click(row.lead_id, env.clock.now() + timedelta(minutes=5), row.drawn_seq + 1))
    assert {"a", "b", "rest"} == set(seen.values())
    env.clock.advance(hours=4)  # type: ignore[attr-defined]
    settle(env)
    outcomes = {row.id: row.outcome for row in journeys(env)}
    assert {outcomes[one] for one, arm in seen.items() if arm == "rest"} == {"b"}
    rested = next(row for row in journeys(env) if seen[row.id] == "rest")
    assert rested.state["results"]["issue"] == {"variant": "b"}
    assert len(winners(env)) == 1
    with env.database.read() as session:
        drawn = session.exec(select(ExperimentDraw.variant)).all()
        assert session.exec(select(Message)).all() == []
    assert sorted(drawn) == sorted(seen.values())


def test_winner_counts_for_those_who_moved_to_another_version_while_they_rested(tmp_path: Path) -> None:
    """They were drawn in the round of the old version, and are compared with nobody else."""
    everybody_rests = experiment(variants=tuple(
        p.Variant(name=name, share=0, go=p.Target(exit=name)) for name in ("a", "b")
    ))  # fmt: skip
    env = environment(tmp_path, plan_of(everybody_rests))
    journey = enter(env)
    settle(env)
    draw(env, journey, "a", 50, 5)
    draw(env, journey, "b", 50, 25)
    new = plan_of(everybody_rests, title="新しい版", on_edit=p.OnEdit(default="move"))
    with env.database.write() as session:
        publish(
            session, make_publication(plans={"play": new}), "tests", env.clock.now() + timedelta(seconds=1)
        )
        session.get_one(Enrolment, journey.id).move_to = env.publications.current(session).parts["plan:play"]
    settle(env)
    moved = row_of(env, journey.id)
    assert moved.plan_digest != journey.plan_digest
    env.clock.advance(hours=4)  # type: ignore[attr-defined]
    settle(env)
    assert row_of(env, journey.id).outcome == "b"
