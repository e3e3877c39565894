"""How many mails to expect after publishing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from leadloop.inbox.planning.forecast import EXISTING, JOURNEYS, OUTBOX, SCHEDULE, Forecast, forecast
from leadloop.language import plan as p
from leadloop.storage.environment import Environment
from leadloop.storage.tables import EnrolmentStatus, Event, Lead, MessageStatus
from tests.factories import NOW, make_enrolment, make_lead, make_message, make_plans, make_publication

NAME = "whitepaper-nurture"
END = p.Target(exit=p.COMPLETED)


def expected(env: Environment, new: p.Publication | None = None) -> Forecast:
    with env.database.read() as session:
        live = env.publications.current(session).publication
        return forecast(session, env, live, new or live, NOW)


def newsletter(match: p.EntryMatch, **entry: Any) -> p.Publication:
    """Return a publication with one more scenario: a mail at once, another after three days."""
    steps: dict[str, p.Step] = {
        "news": p.SendStep(id="news", template="case", topic="nurture", on_skip=END, on_fail=END,
                           next=p.Target(step="rest")),
        "rest": p.WaitStep(id="rest", wait=p.WaitSpec(span=p.Span(amount=3, unit="days")),
                           next=p.Target(step="more")),
        "more": p.SendStep(id="more", template="case", topic="nurture", on_skip=END, on_fail=END),
    }  # fmt: skip
    plan = p.Plan(
        scenario="newsletter",
        topic="nurture",
        entry=(p.Entry(match=match, **entry),),
        first="news",
        steps=steps,
    )
    return make_publication(
        plans=make_plans() | {"newsletter": plan},
        segments={
            "it": p.Segment(
                when=p.Expression(source='lead.industry == "it"', variables={"lead.industry": "text"})
            )
        },
    )


def journey(session: Session, env: Environment, step: str, **values: Any) -> None:
    lead = make_lead(session, env)
    publication = env.publications.current(session).id
    state = {"step": step, "phase": values.pop("phase", "waiting")}
    row = make_enrolment(session, publication, lead, NAME, state=state, subject_key=lead.id, **values)
    if "message" in values:
        make_message(session, row)


def test_forecast_counts_journeys_that_come_to_a_mail(env: Environment) -> None:
    with env.database.write() as session:
        journey(session, env, "read", due_at=NOW + timedelta(hours=5))  # then `case`
        journey(session, env, "read", due_at=NOW + timedelta(days=3))
        journey(session, env, "read", due_at=NOW + timedelta(days=8))  # too late
        journey(session, env, "read", due_at=NOW + timedelta(days=1), status=EnrolmentStatus.PAUSED)
        journey(session, env, "thanks", phase="", turn_no=0)  # has not begun: `thanks`, five days, `case`
    found = expected(env)
    assert (found.day, found.week) == (2, 4)
    assert found.sources == {JOURNEYS: 4}
    assert found.scenarios == {NAME: 4}


def test_forecast_counts_mails_in_the_outbox(env: Environment) -> None:
    with env.database.write() as session:
        for status, hold in (
            (MessageStatus.NEW, None),
            (MessageStatus.HELD, timedelta(days=2)),
            (MessageStatus.HELD, timedelta(days=9)),
            (MessageStatus.SENT, None),
        ):
            lead = make_lead(session, env)
            row = make_enrolment(session, env.publications.current(session).id, lead, subject_key=lead.id)
            make_message(session, row, status=status, hold_until=NOW + hold if hold else None)
        make_message(session, row, kind="notice", status=MessageStatus.NEW)
    found = expected(env)
    assert (found.day, found.week, found.sources) == (1, 2, {OUTBOX: 2})


def test_forecast_goes_on_behind_a_mail_in_flight(env: Environment) -> None:
    with env.database.write() as session:
        journey(session, env, "thanks", phase="held", due_at=NOW + timedelta(days=1))
    assert expected(env).week == 1  # five days later `case`; the held mail itself is a row of the outbox


@pytest.mark.parametrize(("default", "mails"), [("stay", 1), ("exit", 0), ("finish", 0), ("move", 1)])
def test_forecast_heeds_on_edit(env: Environment, default: Any, mails: int) -> None:
    with env.database.write() as session:
        journey(session, env, "read", due_at=NOW + timedelta(hours=1))
    plans = make_plans()
    changed = plans[NAME].model_copy(update={"title": "新", "on_edit": p.OnEdit(default=default)})
    assert expected(env, make_publication(plans=plans | {NAME: changed})).week == mails


def test_forecast_counts_who_enters_by_a_schedule(env: Environment) -> None:
    with env.database.write() as session:
        for industry in ("it", "it", "finance"):
            make_lead(session, env, fields={"industry": industry})
        make_lead(session, env, fields={"industry": "it"}, email=None)
    weekly = p.Schedule(every="week", weekday=1, at="09:00")
    everybody = expected(env, newsletter(p.ScheduleMatch(schedule=weekly)))
    assert (everybody.day, everybody.week, everybody.sources) == (3, 6, {SCHEDULE: 6})
    members = expected(env, newsletter(p.ScheduleMatch(schedule=weekly, segment="it")))
    assert (members.day, members.week) == (2, 4)


def test_forecast_of_a_published_segment_counts_its_members(env: Environment) -> None:
    new = newsletter(p.SegmentMatch(segment="it"), existing="include")
    with env.database.write() as session:
        make_lead(session, env, segments=["it"])
        make_lead(session, env, segments=["other"])
        found = forecast(session, env, new.model_copy(update={"plans": make_plans()}), new, NOW)
    assert (found.day, found.week, found.sources) == (1, 2, {EXISTING: 2})


def test_forecast_counts_existing_people_of_new_entries_only(env: Environment) -> None:
    match = p.EventMatch(
        event="form_submitted", properties=(p.PropertyMatch(name="form", values=("contact",)),)
    )
    with env.database.write() as session:
        for form in ("contact", "contact", "whitepaper"):
            lead = make_lead(session, env)
            for _ in range(2):
                session.add(
                    Event(subject_id=lead.id, lead_id=lead.id, type="form_submitted", source="form",
                          properties={"form": form}, occurred_at=NOW, received_at=NOW)
                )  # fmt: skip
    new = newsletter(match, existing="include")
    assert expected(env, new).week == 4
    assert expected(env, newsletter(match)).week == 0  # without `existing: include`
    with env.database.read() as session:
        assert forecast(session, env, new, new, NOW).week == 0  # was included when it was published first


def test_forecast_heeds_the_limit_of_an_entry(env: Environment) -> None:
    with env.database.write() as session:
        for _ in range(5):
            make_lead(session, env, stage="mql")
    limit = p.Frequency(count=2, per=p.Span(amount=1, unit="days"))
    found = expected(env, newsletter(p.StageMatch(stages=("mql",)), existing="include", limit=limit))
    assert (found.day, found.week) == (2, 10)


def test_forecast_counts_who_was_inactive(env: Environment) -> None:
    with env.database.write() as session:
        make_lead(session, env, created_at=NOW - timedelta(days=100))
        make_lead(session, env, created_at=NOW - timedelta(days=100), last_active_at=NOW)
    match = p.InactiveMatch(after=p.Span(amount=90, unit="days"))
    assert expected(env, newsletter(match, existing="include")).week == 2


def test_forecast_leaves_out_who_is_inside_or_gone(env: Environment) -> None:
    with env.database.write() as session:
        make_lead(session, env, stage="mql", erased_at=NOW)
        kept: Lead = make_lead(session, env, stage="mql")
        make_lead(session, env, stage="mql", merged_into=kept.id)
    assert expected(env, newsletter(p.StageMatch(stages=("mql",)), existing="include")).day == 1


def test_forecast_says_what_it_asked_of_a_sample(env: Environment) -> None:
    with env.database.write() as session:
        for number in range(1010):
            make_lead(
                session, email=f"p{number}@example.jp", fields={"industry": "it" if number % 2 else "finance"}
            )
    found = expected(env, newsletter(p.SegmentMatch(segment="it"), existing="include"))
    assert found.day == 505
    assert found.remarks == ["the segment it was asked of the 1000 newest leads only"]
