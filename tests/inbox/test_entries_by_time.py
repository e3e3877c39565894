"""Entries by time: inactivity, dates, schedules. One timer per lead; each fires once for its instant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import select

from leadloop.inbox.entries.events import entry_digest
from leadloop.inbox.relaying.due import run_due
from leadloop.inbox.turns.experiments import round_of
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import Due, EventKey, Lead
from tests.factories import ManualClock
from tests.inbox.driver import events, journeys, report, settle
from tests.inbox.entry_worlds import (
    CARE,
    add_lead,
    begin,
    condition,
    days,
    due_keys,
    publication,
    scenario,
    segment,
    set_record,
    touch,
    world,
)

DORMANT = p.InactiveMatch(after=days(90))
BEFORE_RENEWAL = p.DateMatch(fact="contract.renews_on", offset=days(-90))
BEFORE_PURCHASE = p.DateMatch(fact="lead.purchase_timing", offset=days(-30), at="10:00")
NEWSLETTER = p.Schedule(every="month", weekday=1, nth=2, at="10:00")


def _visit(env: Environment, lead: str) -> None:
    report(env, "page_viewed", lead_id=lead, properties={"path": "/"}, source="tracking")
    settle(env)


def _at(text: str) -> datetime:
    """An instant in Tokyo."""
    return datetime.fromisoformat(f"{text}+09:00").astimezone(UTC)


def _entered(env: Environment) -> list[datetime]:
    return [row.entered_at for row in journeys(env)]


# --- inactive ------------------------------------------------------------------------------------


def test_inactive_lead_enters_once_until_it_is_active_again(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(DORMANT, wait=None))
    lead = add_lead(env)
    _visit(env, lead)
    clock.advance(days=60)
    _visit(env, lead)  # the timer moves
    clock.advance(days=89)
    settle(env)
    assert journeys(env) == []
    clock.advance(days=1)
    settle(env)
    assert len(journeys(env)) == 1
    touch(env, lead, tags=["vip"])  # a change is no activity
    clock.advance(days=365)
    settle(env)
    assert len(journeys(env)) == 1
    _visit(env, lead)
    clock.advance(days=90)
    settle(env)
    assert len(journeys(env)) == 2
    env.database.close()


def test_inactive_lead_that_never_did_anything_counts_from_its_creation(
    tmp_path: Path, clock: ManualClock
) -> None:
    env = world(tmp_path, clock, scenario(DORMANT))
    add_lead(env)
    clock.advance(days=90)
    settle(env)
    (event,) = events(env, "entry_due")
    assert event.properties == {"scenario": CARE, "entry": 0, "day": "2027-02-14"}
    assert len(journeys(env)) == 1
    env.database.close()


def test_inactive_days_are_those_of_the_leads_calendar(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(p.InactiveMatch(after=days(150))))
    lead = add_lead(env, timezone="America/New_York")
    # 20:00 on 15 November in New York; summer time begins before 14 April
    assert due_keys(env, "entry")[f"entry:{CARE}:0:{lead}:"].due_at == datetime(2027, 4, 15, 0, 0, tzinfo=UTC)
    touch(env, lead, timezone="Asia/Tokyo")
    assert due_keys(env, "entry")[f"entry:{CARE}:0:{lead}:"].due_at == datetime(2027, 4, 15, 1, 0, tzinfo=UTC)
    env.database.close()


def test_timer_of_an_erased_lead_is_removed(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(DORMANT))
    lead = add_lead(env)
    assert len(due_keys(env, "entry")) == 1
    touch(env, lead, erased_at=clock.now())
    assert due_keys(env, "entry") == {}
    env.database.close()


# --- dates ---------------------------------------------------------------------------------------


def test_date_of_a_record_enters_its_contact_for_the_record(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(BEFORE_RENEWAL, per="contract"))
    lead = add_lead(env, company="株式会社海社")
    set_record(env, "contract", "C-1", lead, renews_on="2027-03-31")
    set_record(env, "contract", "C-2", lead, renews_on="2027-04-30")
    clock.instant = _at("2026-12-31T08:59")
    settle(env)
    assert journeys(env) == []
    clock.instant = _at("2026-12-31T09:00")
    settle(env)
    clock.advance(days=60)
    settle(env)
    rows = journeys(env)
    assert [row.record_key for row in rows] == ["C-1", "C-2"]
    assert all(row.lead_id == lead and row.subject_key.startswith("company:") for row in rows)
    assert [event.properties["day"] for event in events(env, "entry_due")] == ["2027-03-31", "2027-04-30"]
    env.database.close()


def test_date_that_moves_takes_the_timer_along(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(BEFORE_RENEWAL, per="contract"))
    lead = add_lead(env, company="株式会社海社")
    set_record(env, "contract", "C-1", lead, renews_on="2027-03-31")
    set_record(env, "contract", "C-1", lead, renews_on="2028-03-31")
    (row,) = due_keys(env, "entry").values()
    assert row.due_at == _at("2028-01-01T09:00")
    set_record(env, "contract", "C-1", lead)
    assert due_keys(env, "entry") == {}
    env.database.close()


def test_date_whose_instant_is_past_does_not_enter(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(BEFORE_RENEWAL, per="contract"))
    lead = add_lead(env, company="株式会社海社")
    set_record(env, "contract", "C-1", lead, renews_on="2026-12-20")
    clock.advance(days=60)
    settle(env)
    assert journeys(env) == []
    assert due_keys(env, "entry") == {}
    env.database.close()


def test_date_enters_once_for_one_value_also_where_the_zone_moves(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(BEFORE_PURCHASE, wait=None))
    lead = add_lead(env, fields={"purchase_timing": "2027-01-31"})
    clock.instant = _at("2027-01-01T10:00")
    settle(env)
    assert len(journeys(env)) == 1
    touch(env, lead, timezone="America/New_York")  # there, 10:00 of that day is still to come
    assert len(due_keys(env, "entry")) == 1
    clock.advance(days=2)
    settle(env)
    assert len(journeys(env)) == 1
    touch(env, lead, fields={"purchase_timing": "2027-06-30"})
    clock.advance(days=200)
    settle(env)
    assert len(journeys(env)) == 2
    env.database.close()


def test_date_that_entered_is_remembered_by_its_hash_only(tmp_path: Path, clock: ManualClock) -> None:
    """These notes outlive their lead, and a date of the lead is a personal value."""
    env = world(tmp_path, clock, scenario(BEFORE_PURCHASE, wait=None))
    lead = add_lead(env, fields={"purchase_timing": "2027-01-31"})
    clock.instant = _at("2027-01-01T10:00")
    settle(env)
    with env.database.read() as session:
        (key,) = session.exec(select(EventKey)).all()
    assert "2027" not in key.external_id
    assert lead not in key.external_id
    env.database.close()


def test_date_of_a_record_that_names_another_lead_now(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(BEFORE_RENEWAL, per="contract"))
    old = add_lead(env, company="株式会社海社")
    new = add_lead(env)
    set_record(env, "contract", "C-1", old, renews_on="2027-03-31")
    set_record(env, "contract", "C-1", new, renews_on="2027-03-31")
    clock.instant = _at("2026-12-31T09:00")
    settle(env)
    assert [row.lead_id for row in journeys(env)] == [new]
    env.database.close()


@pytest.mark.parametrize(
    ("value", "offset", "expected"),
    [
        ("2027-02-15", None, "2027-02-15T10:00"),
        ("2027-02-15", 1, "2027-02-16T10:00"),
        ("2027-03-31", -30, "2027-03-01T10:00"),
        ("2027-04", None, "2027-04-01T10:00"),  # a month is its first business day
        ("2027-05", None, "2027-05-06T10:00"),  # after the holidays of early May
    ],
)
def test_date_with_offset(
    tmp_path: Path, clock: ManualClock, value: str, offset: int | None, expected: str
) -> None:
    match = p.DateMatch(fact="lead.purchase_timing", offset=days(offset) if offset else None, at="10:00")
    live = publication(scenario(match))
    window = p.Limits(send_window=p.SendWindow(calendar="office"))
    workspace = live.workspace.model_copy(update={"limits": window})
    env = world(tmp_path, clock)
    begin(env, live.model_copy(update={"workspace": workspace}))
    add_lead(env, fields={"purchase_timing": value})
    (row,) = due_keys(env, "entry").values()
    assert row.due_at == _at(expected)
    env.database.close()


# --- schedules -----------------------------------------------------------------------------------


def test_schedule_enters_members_each_time(tmp_path: Path, clock: ManualClock) -> None:
    vip = segment(condition('"vip" in lead.tags', lead__tags="texts"))
    match = p.ScheduleMatch(schedule=NEWSLETTER, segment="vip")
    env = world(tmp_path, clock, scenario(match, wait=None), segments={"vip": vip})
    member = add_lead(env, tags=["vip"])
    other = add_lead(env)
    clock.instant = _at("2026-12-08T10:00")
    settle(env)
    clock.instant = _at("2027-01-12T10:00")
    settle(env)
    assert [(row.lead_id, row.entered_at) for row in journeys(env)] == [
        (member, _at("2026-12-08T10:00")),
        (member, _at("2027-01-12T10:00")),
    ]
    assert [event.properties["day"] for event in events(env, "entry_due")] == ["2026-12-08", "2027-01-12"]
    touch(env, other, tags=["vip"])
    touch(env, member, tags=[])
    clock.instant = _at("2027-02-09T10:00")
    settle(env)
    assert journeys(env)[-1].lead_id == other
    assert len(journeys(env)) == 3
    env.database.close()


def test_schedule_is_not_lost_where_something_happens_before_it_is_carried_out(
    tmp_path: Path, clock: ManualClock
) -> None:
    env = world(tmp_path, clock, scenario(p.ScheduleMatch(schedule=NEWSLETTER), wait=None))
    lead = add_lead(env)
    clock.instant = _at("2026-12-08T10:05")
    touch(env, lead, tags=["vip"])
    settle(env)
    assert len(journeys(env)) == 1
    assert due_keys(env, "entry")[f"entry:{CARE}:0:{lead}:"].due_at == _at("2027-01-12T10:00")
    env.database.close()


def test_schedule_comes_in_the_leads_zone(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(p.ScheduleMatch(schedule=NEWSLETTER)))
    lead = add_lead(env, timezone="Europe/Berlin")
    at = due_keys(env, "entry")[f"entry:{CARE}:0:{lead}:"].due_at
    assert at == datetime(2026, 12, 8, 9, 0, tzinfo=UTC)
    env.database.close()


def test_schedule_with_a_zone_comes_at_one_instant_for_everybody(tmp_path: Path, clock: ManualClock) -> None:
    match = p.ScheduleMatch(schedule=p.Cron(cron="0 10 * * TUE"), zone="Europe/Berlin")
    env = world(tmp_path, clock, scenario(match, wait=None))
    lead = add_lead(env, timezone="America/New_York")
    other = add_lead(env, timezone="Asia/Tokyo")
    at = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
    assert {row.due_at for row in due_keys(env, "entry").values()} == {at}
    touch(env, lead, timezone="Asia/Tokyo")  # moves nothing
    assert {row.due_at for row in due_keys(env, "entry").values()} == {at}
    clock.instant = at
    settle(env)
    assert {(row.lead_id, row.entered_at) for row in journeys(env)} == {(lead, at), (other, at)}
    env.database.close()


def test_cron_enters_several_times_a_day_and_each_is_a_round(tmp_path: Path, clock: ManualClock) -> None:
    plan = scenario(p.ScheduleMatch(schedule=p.Cron(cron="*/30 9 * * *")), wait=None)
    env = world(tmp_path, clock, plan)
    add_lead(env)
    times = ["2026-11-17T09:00", "2026-11-17T09:30", "2026-11-18T09:00"]
    for text in times:
        clock.instant = _at(text)
        settle(env)
    assert _entered(env) == [_at(text) for text in times]
    assert [event.properties["day"] for event in events(env, "entry_due")] == times
    rows = journeys(env)
    with env.database.read() as session:
        assert len({round_of(session, row, plan) for row in rows}) == 3
    env.database.close()


def test_timers_of_entries_that_knew_no_zone_keep_their_name() -> None:
    stored = {"kind": "schedule", "schedule": {"every": "day", "at": "09:00", "weekday": None, "nth": None,
              "day": None}, "segment": None}  # fmt: skip
    match = p.ScheduleMatch.model_validate(stored)
    assert match == p.ScheduleMatch(schedule=p.Schedule(every="day", at="09:00"))
    assert match.model_dump(mode="json") == stored
    zoned = p.Entry(match=match.model_copy(update={"zone": "Asia/Tokyo"}))
    assert p.Entry.model_validate(zoned.model_dump(mode="json")) == zoned
    assert entry_digest(zoned) != entry_digest(p.Entry(match=match))


# --- all -----------------------------------------------------------------------------------------


def test_timer_of_a_withdrawn_scenario_starts_nothing(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(DORMANT))
    add_lead(env)
    clock.advance(hours=1)
    begin(env, publication(scenario(p.ManualMatch(), "other")))
    clock.advance(days=100)
    assert run_due(env) == 1
    settle(env)
    assert journeys(env) == []
    assert due_keys(env, "entry") == {}
    env.database.close()


def test_lead_that_came_by_an_event_has_its_timers(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(DORMANT))
    report(env, "lead_created", email="hanako@kaisha.example", source="import", trust="verified")
    settle(env)
    assert len(due_keys(env, "entry")) == 1
    clock.advance(days=90)
    settle(env)
    assert _entered(env) == [clock.now()]
    env.database.close()


def test_due_row_that_fails_does_not_hold_up_the_others(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(DORMANT))
    first, second = add_lead(env), add_lead(env)
    with env.database.write() as session:
        lead = session.get_one(Lead, first)
        lead.tags = None  # type: ignore[assignment]
        session.add(lead)
    clock.advance(days=90)
    run_due(env)
    assert [row.lead_id for row in journeys(env)] == [second]
    assert due_keys(env, "entry")[f"entry:{CARE}:0:{first}:"].due_at > clock.now()
    env.database.close()


def test_due_row_of_a_newer_version_is_left_for_it(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock)
    lead = add_lead(env)
    with env.database.write() as session:
        session.add(Due(key="eclipse:1", lead_id=lead, kind="eclipse", due_at=clock.now()))
    run_due(env)
    assert due_keys(env, "eclipse")["eclipse:1"].due_at > clock.now()
    assert run_due(env) == 0
    env.database.close()
