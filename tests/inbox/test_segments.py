"""Segment membership: joins and leaves, by changes of the lead and by time alone."""

from __future__ import annotations

from pathlib import Path

from leadloop.inbox.relaying.due import run_due
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from tests.factories import ManualClock, make_scoring
from tests.inbox.driver import events, journeys, report, settle
from tests.inbox.entry_worlds import (
    add_lead,
    condition,
    days,
    did,
    due_keys,
    lead_of,
    publication,
    republish,
    scenario,
    segment,
    touch,
    world,
)

LARGE = condition("lead.employees >= 100", lead__employees="int")
READERS = did("page_viewed", within=days(7), at_least=2)


def _moves(env: Environment) -> list[tuple[str, str]]:
    rows = [*events(env, "segment_entered"), *events(env, "segment_left")]
    rows.sort(key=lambda event: (event.lead_id or "", event.lead_seq or 0))
    return [(event.type, event.properties["segment"]) for event in rows]


def _view(env: Environment, lead_id: str) -> None:
    report(env, "page_viewed", lead_id=lead_id, properties={"path": "/pricing"}, source="tracking")
    settle(env)


def test_membership_follows_the_lead(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, segments={"大企業": segment(LARGE)})
    lead = add_lead(env, fields={"employees": 99})
    assert lead_of(env, lead).segments == []
    touch(env, lead, fields={"employees": 100})
    assert lead_of(env, lead).segments == ["大企業"]
    touch(env, lead, fields={"employees": 120})
    touch(env, lead, fields={})
    assert lead_of(env, lead).segments == []
    assert _moves(env) == [("segment_entered", "大企業"), ("segment_left", "大企業")]
    env.database.close()


def test_membership_of_a_segment_that_asks_for_another_written_later(
    tmp_path: Path, clock: ManualClock
) -> None:
    small = condition('!("large" in lead.segments)', lead__segments="texts")
    env = world(tmp_path, clock, segments={"small": segment(small), "large": segment(LARGE)})
    lead = add_lead(env, fields={"employees": 50})
    assert lead_of(env, lead).segments == ["small"]
    touch(env, lead, fields={"employees": 500})
    assert lead_of(env, lead).segments == ["large"]
    env.database.close()


def test_membership_of_segments_that_contradict_each_other_comes_to_rest(
    tmp_path: Path, clock: ManualClock
) -> None:
    never = condition('!("round" in lead.segments)', lead__segments="texts")
    env = world(tmp_path, clock, segments={"round": segment(never)})
    lead = add_lead(env)
    first = lead_of(env, lead).segments
    touch(env, lead)
    assert lead_of(env, lead).segments == first
    env.database.close()


def test_membership_ends_by_time_alone(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, segments={"readers": segment(READERS)})
    lead = add_lead(env)
    _view(env, lead)
    clock.advance(days=2)
    _view(env, lead)
    assert lead_of(env, lead).segments == ["readers"]
    (row,) = due_keys(env, "segments").values()
    clock.instant = row.due_at
    settle(env)
    assert lead_of(env, lead).segments == []
    assert _moves(env) == [("segment_entered", "readers"), ("segment_left", "readers")]
    assert due_keys(env, "segments") == {}
    env.database.close()


def test_membership_begins_by_time_alone_where_it_asks_for_what_was_not_done(
    tmp_path: Path, clock: ManualClock
) -> None:
    asked = did("page_viewed", within=days(7))
    quiet = asked.model_copy(update={"source": f"!({asked.source})"})
    enters = scenario(p.SegmentMatch(segment="quiet"), wait=None)
    env = world(tmp_path, clock, enters, segments={"quiet": segment(quiet)})
    lead = add_lead(env)  # new, and quiet from the start
    _view(env, lead)
    assert lead_of(env, lead).segments == []
    assert len(journeys(env)) == 1
    clock.advance(days=8)
    assert run_due(env) == 1
    assert lead_of(env, lead).segments == ["quiet"]
    assert len(journeys(env)) == 2
    env.database.close()


def test_membership_moves_with_what_is_done_again(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, segments={"readers": segment(did("page_viewed", within=days(7)))})
    lead = add_lead(env)
    _view(env, lead)
    first = due_keys(env, "segments")[f"segments:{lead}"].due_at
    clock.advance(days=6)
    _view(env, lead)
    assert due_keys(env, "segments")[f"segments:{lead}"].due_at > first
    clock.advance(days=2)
    settle(env)
    assert lead_of(env, lead).segments == ["readers"]
    env.database.close()


def test_membership_ends_when_decay_takes_the_score_below_the_number(
    tmp_path: Path, clock: ManualClock
) -> None:
    warm = condition("lead.score.engagement >= 5", lead__score__engagement="int")
    env = world(tmp_path, clock, segments={"warm": segment(warm)}, scoring=make_scoring())
    lead = add_lead(env)
    for _ in range(3):
        report(
            env,
            "form_submitted",
            lead_id=lead,
            properties={"form": "contact"},
            source="form",
            trust="verified",
        )
    settle(env)
    assert lead_of(env, lead).segments == ["warm"]
    for _ in range(20):
        clock.advance(days=30)
        settle(env)
    assert lead_of(env, lead).segments == []
    env.database.close()


def test_membership_of_a_new_segment_is_no_news_for_who_was_in_it_already(
    tmp_path: Path, clock: ManualClock
) -> None:
    enters = scenario(p.SegmentMatch(segment="large"))
    env = world(tmp_path, clock, enters)
    member = add_lead(env, fields={"employees": 300})
    later = add_lead(env, fields={"employees": 3})
    clock.advance(hours=1)
    republish(env, publication(enters, segments={"large": segment(LARGE)}))
    assert lead_of(env, member).segments == ["large"]
    touch(env, member)
    settle(env)
    assert _moves(env) == []
    assert journeys(env) == []
    touch(env, later, fields={"employees": 1000})
    assert [row.lead_id for row in journeys(env)] == [later]
    env.database.close()


def test_membership_of_a_withdrawn_segment_is_dropped_without_an_event(
    tmp_path: Path, clock: ManualClock
) -> None:
    env = world(tmp_path, clock, segments={"large": segment(LARGE)})
    lead = add_lead(env, fields={"employees": 300})
    clock.advance(hours=1)
    republish(env, publication())
    assert lead_of(env, lead).segments == []
    assert _moves(env) == [("segment_entered", "large")]
    env.database.close()
