"""The backfill after a publication: known leads are brought in line, once, also after a kill."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from leadloop.inbox import apply, backfill
from leadloop.inbox.applier import apply_once
from leadloop.inbox.backfill import backfill_progress, run_backfill
from leadloop.inbox.newly_published import visit
from leadloop.language import plan as p
from leadloop.scoring.rules import score_event
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Event
from tests.factories import ManualClock, make_lead
from tests.inbox.driver import events, journeys, report, settle
from tests.inbox.entry_worlds import (
    CARE,
    add_lead,
    begin,
    condition,
    days,
    did,
    due_keys,
    lead_of,
    publication,
    republish,
    scenario,
    segment,
    set_record,
    touch,
    world,
)

LARGE = segment(condition("lead.employees >= 100", lead__employees="int"))
DORMANT = p.InactiveMatch(after=days(90))


def _include(match: object, **values: Any) -> p.Plan:
    return scenario(match, existing="include", **values)


def test_backfill_writes_timers_for_known_leads(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock)
    leads = [add_lead(env) for _ in range(7)]
    clock.advance(days=10)
    assert republish(env, publication(scenario(DORMANT)), batch=3) == 7
    assert set(due_keys(env, "entry")) == {f"entry:{CARE}:0:{lead}:" for lead in leads}
    clock.advance(days=80)
    settle(env)
    assert len(journeys(env)) == 7
    env.database.close()


def test_backfill_is_not_needed_where_nothing_concerns_known_leads(
    tmp_path: Path, clock: ManualClock
) -> None:
    env = world(tmp_path, clock)
    add_lead(env)
    clock.advance(hours=1)
    assert begin(env, publication(scenario(p.EventMatch(event="form_submitted")))) is False
    assert run_backfill(env) == 0
    env.database.close()


@pytest.mark.parametrize(("plan", "count"), [(scenario(DORMANT), 0), (_include(DORMANT), 1)])
def test_backfill_includes_who_is_inactive_already_where_asked(
    tmp_path: Path, clock: ManualClock, plan: p.Plan, count: int
) -> None:
    env = world(tmp_path, clock)
    dormant = add_lead(env)
    clock.advance(days=91)
    add_lead(env, created_at=clock.now())
    republish(env, publication(plan))
    assert [row.lead_id for row in journeys(env)] == [dormant][:count]
    assert len(due_keys(env, "entry")) == 1
    env.database.close()


def test_backfill_includes_members_and_stages(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock)
    large = add_lead(env, fields={"employees": 300})
    qualified = add_lead(env, stage="mql")
    add_lead(env, fields={"employees": 3})
    clock.advance(hours=1)
    plans = (
        _include(p.SegmentMatch(segment="large"), name="by-segment"),
        _include(p.StageMatch(stages=("mql",)), name="by-stage"),
    )
    republish(env, publication(*plans, segments={"large": LARGE}))
    assert sorted((row.scenario, row.lead_id) for row in journeys(env)) == [
        ("by-segment", large),
        ("by-stage", qualified),
    ]
    assert events(env, "segment_entered") == []
    env.database.close()


@pytest.mark.parametrize(
    ("renews_on", "enters"), [("2026-12-20", True), ("2026-11-10", False), ("2027-11-10", False)]
)
def test_backfill_includes_who_is_between_the_instant_and_the_date(
    tmp_path: Path, clock: ManualClock, renews_on: str, enters: bool
) -> None:
    env = world(tmp_path, clock)
    lead = add_lead(env, company="株式会社海社")
    set_record(env, "contract", "C-1", lead, renews_on=renews_on)
    clock.advance(hours=1)
    match = p.DateMatch(fact="contract.renews_on", offset=days(-90))
    republish(env, publication(_include(match, per="contract")))
    assert [row.record_key for row in journeys(env)] == ["C-1"] * enters
    env.database.close()


def test_backfill_keeps_the_limit(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock)
    leads = [add_lead(env) for _ in range(7)]
    clock.advance(days=91)
    republish(env, publication(_include(DORMANT, limit=p.Frequency(count=3, per=days(1)))), batch=2)
    assert [row.lead_id for row in journeys(env)] == leads[:3]
    for total in (6, 7):
        clock.advance(days=1)
        settle(env)
        assert [row.lead_id for row in journeys(env)] == leads[:total]
    env.database.close()


def test_backfill_includes_nobody_again_at_the_next_publication(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock)
    add_lead(env)
    clock.advance(days=91)
    republish(env, publication(_include(DORMANT, wait=None)))
    settle(env)
    clock.advance(hours=1)
    changed = _include(DORMANT, wait=None, title="別の題")
    republish(env, publication(changed, scenario(DORMANT, "other")))
    settle(env)
    assert len(journeys(env)) == 1
    env.database.close()


def test_backfill_asks_only_the_first_person_of_a_company(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock)
    first = add_lead(env, company="株式会社海社")
    add_lead(env, company_id=lead_of(env, first).company_id)
    clock.advance(days=91)
    republish(env, publication(_include(DORMANT, per="company")))
    settle(env)
    assert [row.lead_id for row in journeys(env)] == [first]
    assert events(env, "entry_repeated") == []
    env.database.close()


# --- in between ----------------------------------------------------------------------------------


def test_lead_that_does_something_before_its_visit_is_brought_in_line_first(
    tmp_path: Path, clock: ManualClock
) -> None:
    enters = scenario(p.SegmentMatch(segment="large"))
    env = world(tmp_path, clock)
    member = add_lead(env, fields={"employees": 300})
    clock.advance(hours=1)
    begin(env, publication(enters, segments={"large": LARGE}))
    report(env, "page_viewed", lead_id=member, properties={"path": "/"})
    settle(env)
    assert lead_of(env, member).segments == ["large"]
    assert events(env, "segment_entered") == []
    assert journeys(env) == []
    newcomer = add_lead(env, fields={"employees": 300}, created_at=clock.advance(minutes=1))
    assert [row.lead_id for row in journeys(env)] == [newcomer]
    while run_backfill(env):
        pass
    assert [event.lead_id for event in events(env, "segment_entered")] == [newcomer]
    env.database.close()


def test_backfill_goes_on_after_a_kill_and_enters_nobody_twice(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = world(tmp_path, clock)
    leads = [add_lead(env) for _ in range(6)]
    clock.advance(days=91)
    begin(env, publication(_include(DORMANT, wait=None)))
    visits = 0
    real = visit

    def dying(*arguments: object) -> None:
        nonlocal visits
        visits += 1
        if visits == 4:
            raise KeyboardInterrupt
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(backfill, "visit", dying)
    with pytest.raises(KeyboardInterrupt):
        run_backfill(env)
    monkeypatch.setattr(backfill, "visit", real)
    settle(env)
    assert [row.lead_id for row in journeys(env)] == leads[:3]
    while run_backfill(env, 2):
        settle(env)
    assert [row.lead_id for row in journeys(env)] == leads
    assert len(events(env, "entry_due")) == 6
    env.database.close()


def test_backfill_by_two_at_once_enters_each_lead_once(tmp_path: Path, clock: ManualClock, url: str) -> None:
    env = world(tmp_path, clock, url=url)
    leads = [add_lead(env) for _ in range(20)]
    clock.advance(days=91)
    begin(env, publication(_include(DORMANT, limit=p.Frequency(count=30, per=days(1)))))

    def work() -> None:
        while run_backfill(env, 5):
            pass

    with ThreadPoolExecutor(2) as threads:
        for future in [threads.submit(work) for _ in range(2)]:
            future.result()
    assert sorted(row.lead_id for row in journeys(env)) == leads
    assert len(events(env, "entry_due")) == 20
    env.database.close()


def test_backfill_that_is_overtaken_by_a_publication_loses_nothing(
    tmp_path: Path, clock: ManualClock
) -> None:
    env = world(tmp_path, clock)
    leads = [add_lead(env) for _ in range(4)]
    clock.advance(days=91)
    first = _include(DORMANT)
    begin(env, publication(first))
    run_backfill(env, 2)
    clock.advance(hours=1)
    begin(env, publication(first, scenario(p.ManualMatch(), "other")))
    while run_backfill(env, 2):
        pass
    assert sorted(row.lead_id for row in journeys(env)) == leads
    env.database.close()


def test_backfill_progress_says_how_many_are_left(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock)
    for _ in range(5):
        add_lead(env)
    clock.advance(hours=1)
    begin(env, publication(scenario(DORMANT)))
    run_backfill(env, 2)
    assert _progress(env) == (2, 3, False)
    while run_backfill(env, 2):
        pass
    assert _progress(env) == (5, 0, True)
    env.database.close()


def _progress(env: Environment) -> tuple[int, int, bool]:
    with env.database.read() as session:
        progress = backfill_progress(session)
    assert progress is not None
    return progress.visited, progress.remaining, progress.finished


def test_backfill_leaves_merged_and_erased_leads_alone(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock)
    lead = add_lead(env)
    add_lead(env, erased_at=clock.now())
    with env.database.write() as session:
        make_lead(session, env, merged_into=lead)
    clock.advance(days=91)
    assert republish(env, publication(_include(DORMANT))) == 1
    assert [row.lead_id for row in journeys(env)] == [lead]
    env.database.close()


def test_segment_that_asks_for_a_changed_one_changes_silently_too(tmp_path: Path, clock: ManualClock) -> None:
    asking = segment(condition('"large" in lead.segments', lead__segments="texts"))
    quiet = did("page_viewed", within=days(7))
    env = world(tmp_path, clock, segments={"big": asking, "large": segment(quiet)})
    lead = add_lead(env, fields={"employees": 300})
    clock.advance(hours=1)
    republish(env, publication(segments={"big": asking, "large": LARGE}))
    assert lead_of(env, lead).segments == ["big", "large"]
    assert events(env, "segment_entered") == []
    touch(env, lead, fields={"employees": 3})
    assert len(events(env, "segment_left")) == 2
    env.database.close()


def test_event_that_cannot_be_applied_does_not_hide_that_its_lead_is_still_to_be_visited(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The visit is undone with the event, so the next event must visit the lead again."""
    env = world(tmp_path, clock)
    lead = add_lead(env, fields={"employees": 500})
    clock.advance(hours=1)
    begin(env, publication(segments={"large": LARGE}))
    real = score_event

    def failing(book: Any, scoring: Any, event: Event, *others: Any) -> set[str]:
        if event.properties.get("path") == "/":
            raise ValueError("no score")
        return real(book, scoring, event, *others)

    monkeypatch.setattr(apply, "score_event", failing)
    for path in ("/", "/pricing"):
        report(env, "page_viewed", lead_id=lead, properties={"path": path}, source="tracking")
    apply_once(env)
    assert sorted(str(event.parked) for event in events(env, "page_viewed")) == ["None", "ValueError"]
    assert lead_of(env, lead).segments == ["large"]
    assert events(env, "segment_entered") == []
    env.database.close()
