"""Summer time, leap days, the end of the year, a host clock that is set back: nothing twice, nothing lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from leadloop.journey.calendar import add_span
from leadloop.language import plan as p
from tests.factories import ManualClock, make_environment, make_publication
from tests.inbox.driver import events, journeys, mails, settle
from tests.inbox.entry_worlds import add_lead, days, scenario, touch, world
from tests.inbox.played import END, enter, plan_of

AT_NIGHT = p.ScheduleMatch(schedule=p.Schedule(every="day", at="02:30"))
BERLIN, NEW_YORK, TOKYO = "Europe/Berlin", "America/New_York", "Asia/Tokyo"


@pytest.mark.parametrize(
    ("zone", "before", "hits"),
    [
        (BERLIN, "2026-10-24T12:00", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),  # comes twice
        (BERLIN, "2027-03-27T12:00", ["2027-03-28T03:30+02:00", "2027-03-29T02:30+02:00"]),  # is skipped
        (NEW_YORK, "2027-03-13T12:00", ["2027-03-14T03:30-04:00", "2027-03-15T02:30-04:00"]),
        (TOKYO, "2026-10-24T12:00", ["2026-10-25T02:30+09:00", "2026-10-26T02:30+09:00"]),
    ],
)
def test_t14_schedule_fires_once_a_day_when_clocks_change(
    tmp_path: Path, zone: str, before: str, hits: list[str]
) -> None:
    start = datetime.fromisoformat(before).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    clock = ManualClock(start)
    env = world(tmp_path, clock, scenario(AT_NIGHT, wait=None))
    add_lead(env, timezone=zone)
    while clock.now() < start + timedelta(hours=42):
        clock.advance(minutes=30)
        settle(env)
    assert [row.entered_at for row in journeys(env)] == [datetime.fromisoformat(hit) for hit in hits]
    env.database.close()


@pytest.mark.parametrize(
    ("zone", "day", "time"), [(BERLIN, "2026-10-25", "02:30"), (NEW_YORK, "2026-11-01", "01:30")]
)
def test_t14_mail_in_the_hour_that_comes_twice_goes_once(
    tmp_path: Path, zone: str, day: str, time: str
) -> None:
    local = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(zone))
    clock = ManualClock(local.astimezone(UTC) - timedelta(days=1))
    at = p.WaitStep(id="night", wait=p.WaitSpec(span=days(1), at=time))
    mail = p.SendStep(id="mail", template="case", topic="nurture", on_skip=END, on_fail=END)
    env = make_environment(tmp_path, make_publication(plans={"play": plan_of(at, mail)}), clock)
    enter(env, timezone=zone, created_at=clock.now())
    settle(env)
    clock.advance(hours=23)
    for _ in range(12):
        clock.advance(minutes=15)
        settle(env)
    (sent,) = mails(env)
    assert sent.sent_at == local.astimezone(UTC)
    env.database.close()


@pytest.mark.parametrize(
    ("zone", "start", "span", "end"),
    [
        (BERLIN, "2026-10-24T10:00", days(1), "2026-10-25T10:00"),  # 25 hours
        (BERLIN, "2026-10-24T10:00", p.Span(amount=24, unit="hours"), "2026-10-25T09:00"),
        (BERLIN, "2027-03-27T10:00", days(1), "2027-03-28T10:00"),  # 23 hours
        (NEW_YORK, "2026-10-31T10:00", days(1), "2026-11-01T10:00"),
        (TOKYO, "2028-02-28T10:00", days(1), "2028-02-29T10:00"),
        (TOKYO, "2028-02-29T10:00", p.Span(amount=12, unit="months"), "2029-02-28T10:00"),
        (TOKYO, "2026-12-31T23:30", p.Span(amount=1, unit="hours"), "2027-01-01T00:30"),
        (TOKYO, "2026-12-31T10:00", p.Span(amount=1, unit="months"), "2027-01-31T10:00"),
    ],
)
def test_t14_spans_are_as_long_as_they_say(zone: str, start: str, span: p.Span, end: str) -> None:
    local = ZoneInfo(zone)
    begin = datetime.fromisoformat(start).replace(tzinfo=local)
    assert add_span(begin, span, local, None) == datetime.fromisoformat(end).replace(tzinfo=local)


def test_t14_host_clock_set_back_does_not_enter_by_schedule_twice(tmp_path: Path, clock: ManualClock) -> None:
    env = world(tmp_path, clock, scenario(AT_NIGHT, wait=None))
    lead = add_lead(env)
    clock.advance(hours=16, minutes=31)  # 02:31 in Tokyo
    settle(env)
    assert len(journeys(env)) == 1
    clock.advance(hours=-1)
    touch(env, lead, job_title="部長")  # anything that looks at the timers again
    for _ in range(4):
        clock.advance(minutes=30)
        settle(env)
    assert len(journeys(env)) == 1
    env.database.close()


def test_t14_host_clock_set_back_does_not_enter_by_inactivity_twice(
    tmp_path: Path, clock: ManualClock
) -> None:
    env = world(tmp_path, clock, scenario(p.InactiveMatch(after=days(1)), wait=None))
    lead = add_lead(env)
    clock.advance(days=1, minutes=1)
    settle(env)
    clock.advance(hours=-1)
    touch(env, lead, job_title="部長")
    clock.advance(hours=2)
    settle(env)
    assert len(events(env, "entry_due")) == 1
    env.database.close()


def test_t14_host_clock_set_back_sends_nothing_twice(tmp_path: Path, clock: ManualClock) -> None:
    mail = p.SendStep(id="mail", template="case", topic="nurture", on_skip=END, on_fail=END)
    night = p.WaitStep(id="night", wait=p.WaitSpec(span=days(1)))
    env = make_environment(tmp_path, make_publication(plans={"play": plan_of(mail, night)}), clock)
    enter(env)
    settle(env)
    clock.advance(hours=-1)
    settle(env)
    clock.advance(days=2)
    settle(env)
    assert len(mails(env)) == 1
    (journey,) = journeys(env)
    assert journey.outcome == "completed"
    env.database.close()
